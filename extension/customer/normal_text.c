/*
 * normal_text.c: words of texts and of the names of companies.
 */
#include "customer/normal_words.h"

#include <pthread.h>
#include <string.h>

#define LEGAL 1u /* a legal form: dropped behind the name; it is no first word */
#define FRONT 8u /* it may be the first word all the same */
#define LAST 4u  /* the same, but also a word or a name: dropped at the end only */
#define SMALL 2u /* and, the: dropped before another word */

/* clang-format off */
static const NormalEntry entries[] = {
    /* legal forms, by where they are usual; of single letters (s p a) they are joined before they are looked up */
    {"inc incorporated corp corporation ltd limited llc llp lllp plc pllc lp cic cio pty proprietary pte sdn bhd berhad", NULL, LEGAL},
    {"gmbh mbh kg kgaa ohg gbr ug eingetragener haftungsbeschrankt ekfm gesmbh", NULL, LEGAL},
    {"bv nv vof bvba sprl cvba vzw asbl", NULL, LEGAL},
    {"sas sasu eurl selarl cie", NULL, LEGAL},
    {"slu slne sab srl sapa snc scoop ltda lda unipessoal eireli", NULL, LEGAL},
    {"aps oy oyj ehf hf kft zrt nyrt spzoo sro eood ood uab sia ltdsti", NULL, LEGAL},
    {"ооо оао зао пао тов sarl ooo oao zao pao tov", NULL, LEGAL | FRONT},
    {"co company cos compagnie gie pc nl ulc kk gk yk ag ev eg ek se cv maatschap sa snc scp sci scop sl sau coop cb sc sapi spa ss mei",
     NULL, LAST},
    {"ab hb kb amba as asa ans da ky ay ry doo dd ad rt bt kkt ou ip spj sk spk ао ип", NULL, LAST},
    {"株 有 合", NULL, LEGAL | FRONT},
    {"dba aka", NULL, SMALL},
    {"and und et en och og y e the der die das het le la les el los of", NULL, SMALL},
    /* abbreviations */
    {"intl internat", "international", 0},
    {"natl", "national", 0},
    {"mfg mfr mfrs", "manufacturing", 0},
    {"mgmt mgt", "management", 0},
    {"assn assoc asso", "association", 0},
    {"assocs", "associates", 0},
    {"dept dpt", "department", 0},
    {"univ", "university", 0},
    {"inst", "institute", 0},
    {"svc svcs serv services", "service", 0},
    {"sys systems", "system", 0},
    {"tech techs technologies technology", "tech", 0},
    {"bros", "brothers", 0},
    {"ctr cntr centre", "center", 0},
    {"ctrs centers centres", "center", 0},
    {"govt gov", "government", 0},
    {"hosp", "hospital", 0},
    {"eng engr engrg", "engineering", 0},
    {"bldg bldgs", "building", 0},
    {"constr", "construction", 0},
    {"commn", "commission", 0},
    {"elem", "elementary", 0},
    {"sch schl", "school", 0},
    {"acad", "academy", 0},
    {"grp", "group", 0},
    {"hldg hldgs holdings", "holding", 0},
    {"inds industry", "industries", 0},
    {"invt invts investments", "investment", 0},
    {"labs laboratory laboratories", "lab", 0},
    {"mktg", "marketing", 0},
    {"pharm pharma pharmaceuticals", "pharmaceutical", 0},
    {"prods product", "products", 0},
    {"prop props property", "properties", 0},
    {"dist distr distrib", "distribution", 0},
    {"equip", "equipment", 0},
    {"fin", "financial", 0},
    {"ins insur", "insurance", 0},
    {"lib", "library", 0},
    {"med", "medical", 0},
    {"org", "organization", 0},
    {"organisation", "organization", 0},
    {"transp", "transport", 0},
    {"transportation", "transport", 0},
    {"solutions", "solution", 0},
    {"consultants consultancy", "consulting", 0},
    {"ft", "fort", 0},
    {"mt", "mount", 0},
    {"ges gesellsch", "gesellschaft", 0},
    {"verw", "verwaltung", 0},
    {"gebr gebruder gebroeders", "brothers", 0},
    {"freres fratelli hermanos irmaos soehne", "brothers", 0},
};
/* clang-format on */

/* Legal forms that are written together with the name, before it or behind it; folded where they are first used. */
static const char *const attached[] = {"株式会社",     "有限会社",     "合同会社", "株式會社", "股份有限公司",
                                       "有限责任公司", "有限責任公司", "有限公司", "주식회사", "유한회사"};
#define ATTACHED ((int) (sizeof attached / sizeof attached[0]))
static char attached_folded[ATTACHED][64];
static int attached_length[ATTACHED];

static NormalSlot slots[1024];
static const NormalTable table = {entries, sizeof entries / sizeof entries[0], slots, 1024};
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void
fill_table(void)
{
    (void) normal_table_fill(&table);
    for (int i = 0; i < ATTACHED; i++) {
        char folded[NORMAL_MAX_FOLDED];

        attached_length[i] = normal_fold(attached[i], strlen(attached[i]), folded);
        memcpy(attached_folded[i], folded, (size_t) attached_length[i]);
    }
}

static bool
has_at(const NormalPiece *piece, int at, int form)
{
    return memcmp(piece->text + at, attached_folded[form], (size_t) attached_length[form]) == 0;
}

/* Takes a form off either end; true where that is all there is. */
static bool
detach_form(NormalPiece *piece)
{
    for (int i = 0; i < ATTACHED && (unsigned char) piece->text[0] >= 0x80; i++) {
        int rest = piece->length - attached_length[i];

        if (rest < 0)
            continue;
        if (rest == 0 && has_at(piece, 0, i))
            return true;
        if (has_at(piece, 0, i)) {
            piece->text += attached_length[i];
            piece->length = rest;
        } else if (has_at(piece, rest, i))
            piece->length = rest;
    }
    return false;
}

/* Returns how many words are left; a form alone is a name. */
static int
detach_forms(NormalPiece *piece, int count)
{
    int kept = 0;

    for (int i = 0; i < count; i++)
        if (!detach_form(&piece[i]) || count == 1)
            piece[kept++] = piece[i];
    return kept;
}

void
normal_text(const char *text, size_t length, NormalWords *out)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[NORMAL_MAX_PIECES];
    int count = normal_split(folded, normal_fold(text, length, folded), piece, NORMAL_MAX_PIECES);

    out->used = out->count = 0;
    for (int i = 0; i < count; i++)
        normal_add(out, piece[i].text, piece[i].length, NORMAL_WORD);
}

/* In place: "i b m" becomes "ibm"; the letters stand one blank apart in the folded text, which is written over. */
static int
join_letters(char *folded, int length)
{
    int kept = 0;

    for (int i = 0; i < length; i++) {
        bool alone = i + 2 < length && folded[i] >= 'a' && folded[i] <= 'z' && folded[i + 1] == ' ' &&
                     (i == 0 || folded[i - 1] == ' ') && folded[i + 2] >= 'a' && folded[i + 2] <= 'z' &&
                     (i + 3 == length || folded[i + 3] == ' ');

        folded[kept++] = folded[i];
        if (alone) { /* the blank behind it goes; what comes next is still a single letter */
            folded[i + 1] = ' ';
            i++;
        }
    }
    return kept;
}

/* How many words stand before the legal forms at the end; the first word is none. "sp zoo" was "Sp. z o.o.". */
static int
legal_end(const NormalPiece *piece, int count)
{
    while (count > 1) {
        unsigned place = 0;
        const NormalEntry *entry =
            normal_table_find(&table, piece[count - 1].text, piece[count - 1].length, &place);

        if (entry != NULL && entry->kind != 0)
            count--;
        else if (normal_piece_is(&piece[count - 1], "zoo") && normal_piece_is(&piece[count - 2], "sp"))
            count -= 2;
        else
            break;
    }
    return count;
}

void
normal_company(const char *text, size_t length, NormalWords *out)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[NORMAL_MAX_PIECES];
    int folded_length = normal_fold(text, length, folded);
    int count = normal_split(folded, join_letters(folded, folded_length), piece, NORMAL_MAX_PIECES);

    pthread_once(&table_once, fill_table);
    out->used = out->count = 0;
    count = legal_end(piece, detach_forms(piece, count));
    for (int i = 0; i < count; i++) {
        unsigned place = 0;
        const NormalEntry *entry = normal_table_find(&table, piece[i].text, piece[i].length, &place);

        if (entry != NULL && entry->to != NULL)
            normal_add_all(out, entry->to, NORMAL_WORD);
        else if (entry == NULL || i == count - 1 || (entry->kind & LAST) ||
                 (i == 0 && (entry->kind & (LEGAL | FRONT)) == LEGAL))
            normal_add(out, piece[i].text, piece[i].length, NORMAL_WORD);
    }
}
