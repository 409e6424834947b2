/*
 * phone_plan.c: see phone_plan.h.
 *
 * Calling codes: ITU Operational Bulletin, "List of Recommendation ITU-T E.164 assigned country codes". Trunk
 * prefixes: the national numbering plans. Where several countries share a code, the one that most numbers
 * belong to stands first. Italy, San Marino and the Vatican dial their leading zero from abroad too: it is no
 * trunk prefix.
 */
#include "customer/phone_plan.h"

#include <string.h>
#include <strings.h>

static const PhonePlan plans[] = {
    {"US", "USA", "United States", 1, "1"},
    {"CA", "CAN", "Canada", 1, "1"},
    {"AG", "ATG", "Antigua and Barbuda", 1, "1"},
    {"AI", "AIA", "Anguilla", 1, "1"},
    {"AS", "ASM", "American Samoa", 1, "1"},
    {"BB", "BRB", "Barbados", 1, "1"},
    {"BM", "BMU", "Bermuda", 1, "1"},
    {"BS", "BHS", "Bahamas", 1, "1"},
    {"DM", "DMA", "Dominica", 1, "1"},
    {"DO", "DOM", "Dominican Republic", 1, "1"},
    {"GD", "GRD", "Grenada", 1, "1"},
    {"GU", "GUM", "Guam", 1, "1"},
    {"JM", "JAM", "Jamaica", 1, "1"},
    {"KN", "KNA", "Saint Kitts and Nevis", 1, "1"},
    {"KY", "CYM", "Cayman Islands", 1, "1"},
    {"LC", "LCA", "Saint Lucia", 1, "1"},
    {"MP", "MNP", "Northern Mariana Islands", 1, "1"},
    {"MS", "MSR", "Montserrat", 1, "1"},
    {"PR", "PRI", "Puerto Rico", 1, "1"},
    {"SX", "SXM", "Sint Maarten", 1, "1"},
    {"TC", "TCA", "Turks and Caicos Islands", 1, "1"},
    {"TT", "TTO", "Trinidad and Tobago", 1, "1"},
    {"VC", "VCT", "Saint Vincent and the Grenadines", 1, "1"},
    {"VG", "VGB", "British Virgin Islands", 1, "1"},
    {"VI", "VIR", "United States Virgin Islands", 1, "1"},
    {"RU", "RUS", "Russia", 7, "8"},
    {"KZ", "KAZ", "Kazakhstan", 7, "8"},
    {"EG", "EGY", "Egypt", 20, "0"},
    {"ZA", "ZAF", "South Africa", 27, "0"},
    {"GR", "GRC", "Greece", 30, ""},
    {"NL", "NLD", "Netherlands", 31, "0"},
    {"BE", "BEL", "Belgium", 32, "0"},
    {"FR", "FRA", "France", 33, "0"},
    {"ES", "ESP", "Spain", 34, ""},
    {"HU", "HUN", "Hungary", 36, "06"},
    {"IT", "ITA", "Italy", 39, ""},
    {"VA", "VAT", "Vatican City", 39, ""},
    {"RO", "ROU", "Romania", 40, "0"},
    {"CH", "CHE", "Switzerland", 41, "0"},
    {"AT", "AUT", "Austria", 43, "0"},
    {"GB", "GBR", "United Kingdom", 44, "0"},
    {"GG", "GGY", "Guernsey", 44, "0"},
    {"IM", "IMN", "Isle of Man", 44, "0"},
    {"JE", "JEY", "Jersey", 44, "0"},
    {"DK", "DNK", "Denmark", 45, ""},
    {"SE", "SWE", "Sweden", 46, "0"},
    {"NO", "NOR", "Norway", 47, ""},
    {"BV", "BVT", "Bouvet Island", 47, ""},
    {"SJ", "SJM", "Svalbard and Jan Mayen", 47, ""},
    {"PL", "POL", "Poland", 48, ""},
    {"DE", "DEU", "Germany", 49, "0"},
    {"PE", "PER", "Peru", 51, "0"},
    {"MX", "MEX", "Mexico", 52, ""},
    {"CU", "CUB", "Cuba", 53, "0"},
    {"AR", "ARG", "Argentina", 54, "0"},
    {"BR", "BRA", "Brazil", 55, "0"},
    {"CL", "CHL", "Chile", 56, ""},
    {"CO", "COL", "Colombia", 57, "0"},
    {"VE", "VEN", "Venezuela", 58, "0"},
    {"MY", "MYS", "Malaysia", 60, "0"},
    {"AU", "AUS", "Australia", 61, "0"},
    {"CC", "CCK", "Cocos Islands", 61, "0"},
    {"CX", "CXR", "Christmas Island", 61, "0"},
    {"ID", "IDN", "Indonesia", 62, "0"},
    {"PH", "PHL", "Philippines", 63, "0"},
    {"NZ", "NZL", "New Zealand", 64, "0"},
    {"PN", "PCN", "Pitcairn Islands", 64, "0"},
    {"SG", "SGP", "Singapore", 65, ""},
    {"TH", "THA", "Thailand", 66, "0"},
    {"JP", "JPN", "Japan", 81, "0"},
    {"KR", "KOR", "South Korea", 82, "0"},
    {"VN", "VNM", "Vietnam", 84, "0"},
    {"CN", "CHN", "China", 86, "0"},
    {"TR", "TUR", "Turkey", 90, "0"},
    {"IN", "IND", "India", 91, "0"},
    {"PK", "PAK", "Pakistan", 92, "0"},
    {"AF", "AFG", "Afghanistan", 93, "0"},
    {"LK", "LKA", "Sri Lanka", 94, "0"},
    {"MM", "MMR", "Myanmar", 95, "0"},
    {"IR", "IRN", "Iran", 98, "0"},
    {"SS", "SSD", "South Sudan", 211, "0"},
    {"MA", "MAR", "Morocco", 212, "0"},
    {"EH", "ESH", "Western Sahara", 212, "0"},
    {"DZ", "DZA", "Algeria", 213, "0"},
    {"TN", "TUN", "Tunisia", 216, ""},
    {"LY", "LBY", "Libya", 218, "0"},
    {"GM", "GMB", "Gambia", 220, ""},
    {"SN", "SEN", "Senegal", 221, ""},
    {"MR", "MRT", "Mauritania", 222, ""},
    {"ML", "MLI", "Mali", 223, ""},
    {"GN", "GIN", "Guinea", 224, ""},
    {"CI", "CIV", "Ivory Coast", 225, ""},
    {"BF", "BFA", "Burkina Faso", 226, ""},
    {"NE", "NER", "Niger", 227, ""},
    {"TG", "TGO", "Togo", 228, ""},
    {"BJ", "BEN", "Benin", 229, ""},
    {"MU", "MUS", "Mauritius", 230, ""},
    {"LR", "LBR", "Liberia", 231, "0"},
    {"SL", "SLE", "Sierra Leone", 232, "0"},
    {"GH", "GHA", "Ghana", 233, "0"},
    {"NG", "NGA", "Nigeria", 234, "0"},
    {"TD", "TCD", "Chad", 235, ""},
    {"CF", "CAF", "Central African Republic", 236, ""},
    {"CM", "CMR", "Cameroon", 237, ""},
    {"CV", "CPV", "Cape Verde", 238, ""},
    {"ST", "STP", "Sao Tome and Principe", 239, ""},
    {"GQ", "GNQ", "Equatorial Guinea", 240, ""},
    {"GA", "GAB", "Gabon", 241, "0"},
    {"CG", "COG", "Congo", 242, ""},
    {"CD", "COD", "Democratic Republic of the Congo", 243, "0"},
    {"AO", "AGO", "Angola", 244, ""},
    {"GW", "GNB", "Guinea-Bissau", 245, ""},
    {"IO", "IOT", "British Indian Ocean Territory", 246, ""},
    {"AC", "ASC", "Ascension Island", 247, ""},
    {"SC", "SYC", "Seychelles", 248, ""},
    {"SD", "SDN", "Sudan", 249, "0"},
    {"RW", "RWA", "Rwanda", 250, "0"},
    {"ET", "ETH", "Ethiopia", 251, "0"},
    {"SO", "SOM", "Somalia", 252, "0"},
    {"DJ", "DJI", "Djibouti", 253, ""},
    {"KE", "KEN", "Kenya", 254, "0"},
    {"TZ", "TZA", "Tanzania", 255, "0"},
    {"UG", "UGA", "Uganda", 256, "0"},
    {"BI", "BDI", "Burundi", 257, ""},
    {"MZ", "MOZ", "Mozambique", 258, ""},
    {"ZM", "ZMB", "Zambia", 260, "0"},
    {"MG", "MDG", "Madagascar", 261, "0"},
    {"RE", "REU", "Reunion", 262, "0"},
    {"YT", "MYT", "Mayotte", 262, "0"},
    {"TF", "ATF", "French Southern Territories", 262, "0"},
    {"ZW", "ZWE", "Zimbabwe", 263, "0"},
    {"NA", "NAM", "Namibia", 264, "0"},
    {"MW", "MWI", "Malawi", 265, "0"},
    {"LS", "LSO", "Lesotho", 266, ""},
    {"BW", "BWA", "Botswana", 267, ""},
    {"SZ", "SWZ", "Eswatini", 268, ""},
    {"KM", "COM", "Comoros", 269, ""},
    {"SH", "SHN", "Saint Helena", 290, ""},
    {"TA", "TAA", "Tristan da Cunha", 290, ""},
    {"ER", "ERI", "Eritrea", 291, "0"},
    {"AW", "ABW", "Aruba", 297, ""},
    {"FO", "FRO", "Faroe Islands", 298, ""},
    {"GL", "GRL", "Greenland", 299, ""},
    {"GI", "GIB", "Gibraltar", 350, ""},
    {"PT", "PRT", "Portugal", 351, ""},
    {"LU", "LUX", "Luxembourg", 352, ""},
    {"IE", "IRL", "Ireland", 353, "0"},
    {"IS", "ISL", "Iceland", 354, ""},
    {"AL", "ALB", "Albania", 355, "0"},
    {"MT", "MLT", "Malta", 356, ""},
    {"CY", "CYP", "Cyprus", 357, ""},
    {"FI", "FIN", "Finland", 358, "0"},
    {"AX", "ALA", "Aland Islands", 358, "0"},
    {"BG", "BGR", "Bulgaria", 359, "0"},
    {"LT", "LTU", "Lithuania", 370, "0|8"},
    {"LV", "LVA", "Latvia", 371, ""},
    {"EE", "EST", "Estonia", 372, ""},
    {"MD", "MDA", "Moldova", 373, "0"},
    {"AM", "ARM", "Armenia", 374, "0"},
    {"BY", "BLR", "Belarus", 375, "80|8|0"},
    {"AD", "AND", "Andorra", 376, ""},
    {"MC", "MCO", "Monaco", 377, "0"},
    {"SM", "SMR", "San Marino", 378, ""},
    {"UA", "UKR", "Ukraine", 380, "0"},
    {"RS", "SRB", "Serbia", 381, "0"},
    {"ME", "MNE", "Montenegro", 382, "0"},
    {"XK", "XKX", "Kosovo", 383, "0"},
    {"HR", "HRV", "Croatia", 385, "0"},
    {"SI", "SVN", "Slovenia", 386, "0"},
    {"BA", "BIH", "Bosnia and Herzegovina", 387, "0"},
    {"MK", "MKD", "North Macedonia", 389, "0"},
    {"CZ", "CZE", "Czechia", 420, ""},
    {"SK", "SVK", "Slovakia", 421, "0"},
    {"LI", "LIE", "Liechtenstein", 423, "0"},
    {"FK", "FLK", "Falkland Islands", 500, ""},
    {"GS", "SGS", "South Georgia and the South Sandwich Islands", 500, ""},
    {"BZ", "BLZ", "Belize", 501, ""},
    {"GT", "GTM", "Guatemala", 502, ""},
    {"SV", "SLV", "El Salvador", 503, ""},
    {"HN", "HND", "Honduras", 504, ""},
    {"NI", "NIC", "Nicaragua", 505, ""},
    {"CR", "CRI", "Costa Rica", 506, ""},
    {"PA", "PAN", "Panama", 507, ""},
    {"PM", "SPM", "Saint Pierre and Miquelon", 508, "0"},
    {"HT", "HTI", "Haiti", 509, ""},
    {"GP", "GLP", "Guadeloupe", 590, "0"},
    {"BL", "BLM", "Saint Barthelemy", 590, "0"},
    {"MF", "MAF", "Saint Martin", 590, "0"},
    {"BO", "BOL", "Bolivia", 591, "0"},
    {"GY", "GUY", "Guyana", 592, ""},
    {"EC", "ECU", "Ecuador", 593, "0"},
    {"GF", "GUF", "French Guiana", 594, "0"},
    {"PY", "PRY", "Paraguay", 595, "0"},
    {"MQ", "MTQ", "Martinique", 596, "0"},
    {"SR", "SUR", "Suriname", 597, ""},
    {"UY", "URY", "Uruguay", 598, "0"},
    {"CW", "CUW", "Curacao", 599, ""},
    {"BQ", "BES", "Caribbean Netherlands", 599, ""},
    {"TL", "TLS", "Timor-Leste", 670, ""},
    {"AQ", "ATA", "Antarctica", 672, ""},
    {"NF", "NFK", "Norfolk Island", 672, ""},
    {"HM", "HMD", "Heard Island and McDonald Islands", 672, ""},
    {"BN", "BRN", "Brunei", 673, ""},
    {"NR", "NRU", "Nauru", 674, ""},
    {"PG", "PNG", "Papua New Guinea", 675, ""},
    {"TO", "TON", "Tonga", 676, ""},
    {"SB", "SLB", "Solomon Islands", 677, ""},
    {"VU", "VUT", "Vanuatu", 678, ""},
    {"FJ", "FJI", "Fiji", 679, ""},
    {"PW", "PLW", "Palau", 680, ""},
    {"WF", "WLF", "Wallis and Futuna", 681, ""},
    {"CK", "COK", "Cook Islands", 682, ""},
    {"NU", "NIU", "Niue", 683, ""},
    {"WS", "WSM", "Samoa", 685, ""},
    {"KI", "KIR", "Kiribati", 686, ""},
    {"NC", "NCL", "New Caledonia", 687, ""},
    {"TV", "TUV", "Tuvalu", 688, ""},
    {"PF", "PYF", "French Polynesia", 689, ""},
    {"TK", "TKL", "Tokelau", 690, ""},
    {"FM", "FSM", "Micronesia", 691, ""},
    {"MH", "MHL", "Marshall Islands", 692, "1"},
    {"KP", "PRK", "North Korea", 850, "0"},
    {"HK", "HKG", "Hong Kong", 852, ""},
    {"MO", "MAC", "Macao", 853, ""},
    {"KH", "KHM", "Cambodia", 855, "0"},
    {"LA", "LAO", "Laos", 856, "0"},
    {"BD", "BGD", "Bangladesh", 880, "0"},
    {"TW", "TWN", "Taiwan", 886, "0"},
    {"MV", "MDV", "Maldives", 960, ""},
    {"LB", "LBN", "Lebanon", 961, "0"},
    {"JO", "JOR", "Jordan", 962, "0"},
    {"SY", "SYR", "Syria", 963, "0"},
    {"IQ", "IRQ", "Iraq", 964, "0"},
    {"KW", "KWT", "Kuwait", 965, ""},
    {"SA", "SAU", "Saudi Arabia", 966, "0"},
    {"YE", "YEM", "Yemen", 967, "0"},
    {"OM", "OMN", "Oman", 968, ""},
    {"PS", "PSE", "Palestine", 970, "0"},
    {"AE", "ARE", "United Arab Emirates", 971, "0"},
    {"IL", "ISR", "Israel", 972, "0"},
    {"BH", "BHR", "Bahrain", 973, ""},
    {"QA", "QAT", "Qatar", 974, ""},
    {"BT", "BTN", "Bhutan", 975, ""},
    {"MN", "MNG", "Mongolia", 976, "0"},
    {"NP", "NPL", "Nepal", 977, "0"},
    {"TJ", "TJK", "Tajikistan", 992, ""},
    {"TM", "TKM", "Turkmenistan", 993, "8"},
    {"AZ", "AZE", "Azerbaijan", 994, "0"},
    {"GE", "GEO", "Georgia", 995, "0"},
    {"KG", "KGZ", "Kyrgyzstan", 996, "0"},
    {"UZ", "UZB", "Uzbekistan", 998, ""},
    {"", "", "international freephone", 800, ""},
    {"", "", "international shared cost service", 808, ""},
    {"", "", "Inmarsat", 870, ""},
    {"", "", "universal personal telecommunications", 878, ""},
    {"", "", "global mobile satellite systems", 881, ""},
    {"", "", "international networks", 882, ""},
    {"", "", "international networks", 883, ""},
    {"", "", "telecommunications for disaster relief", 888, ""},
    {"", "", "international premium rate service", 979, ""},
};

#define PLANS (sizeof(plans) / sizeof(plans[0]))

static int
same(const char *name, const char *text, size_t length)
{
    return length > 0 && strlen(name) == length && strncasecmp(name, text, length) == 0;
}

const PhonePlan *
phone_plan_country(const char *country, size_t length)
{
    if (same("UK", country, length))
        return phone_plan_country("GB", 2);
    for (size_t i = 0; i < PLANS; i++)
        if (plans[i].alpha2[0] != '\0' &&
            (same(plans[i].alpha2, country, length) || same(plans[i].alpha3, country, length) ||
             same(plans[i].name, country, length)))
            return &plans[i];
    return NULL;
}

/* No assigned code is the beginning of another one, so the first that fits is the only one. */
const PhonePlan *
phone_plan_code(const char *digits, size_t length)
{
    int code = 0;

    for (size_t k = 0; k < 3 && k < length && digits[0] != '0'; k++) {
        code = code * 10 + (digits[k] - '0');
        for (size_t i = 0; i < PLANS; i++)
            if (plans[i].code == code)
                return &plans[i];
    }
    return NULL;
}

size_t
phone_plan_trunk(const PhonePlan *plan, const char *digits, size_t length)
{
    const char *prefix = plan->trunk;

    while (*prefix != '\0') {
        size_t size = strcspn(prefix, "|");

        if (length > size && memcmp(digits, prefix, size) == 0)
            return size;
        prefix += size;
        if (*prefix == '|')
            prefix++;
    }
    return 0;
}
