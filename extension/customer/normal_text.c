/*
 * normal_text.c: words of texts and of the names of companies.
 */
#include "customer/normal_words.h"

#include <pthread.h>
#include <string.h>

#define LEGAL 1u /* a legal form: dropped, but where nothing else is left */
#define SMALL 2u /* and, the: dropped like it */

/* clang-format off */
static const NormalEntry entries[] = {
    /* legal forms, by where they are usual; with blanks in them ("s p a") they were joined from single letters before */
    {"inc incorporated corp corporation ltd limited llc llp lllp plc pllc pc lp co company cos", NULL, LEGAL},
    {"cic cio pty proprietary nl ulc pte sdn bhd berhad kk gk yk", NULL, LEGAL},
    {"gmbh mbh ag kg kgaa ohg gbr ug ev eg eingetragener haftungsbeschrankt ek ekfm gesmbh se", NULL, LEGAL},
    {"bv nv vof cv bvba sprl cvba vzw asbl maatschap", NULL, LEGAL},
    {"sa sarl sas sasu eurl snc scp sci selarl scop gie cie compagnie", NULL, LEGAL},
    {"sl slu slne sau scoop coop cb sc sapi sab srl spa sapa sas snc ss", NULL, LEGAL},
    {"lda ltda unipessoal eireli mei", NULL, LEGAL},
    {"ab hb kb aps amba as asa ans da oy oyj ky ay ry ehf hf", NULL, LEGAL},
    {"spzoo sro doo dd ad ood eood kft rt zrt nyrt bt kkt ou uab sia tov ooo oao zao pao ip ltdsti", NULL, LEGAL},
    {"ооо оао зао пао ао ип тов", NULL, LEGAL},
    {"and und et en och og y e i u the der die das het le la les el los", NULL, SMALL},
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
    {"ctr cntr centre cent", "center", 0},
    {"ctrs centers centres", "center", 0},
    {"govt gov", "government", 0},
    {"hosp", "hospital", 0},
    {"eng engr engrg", "engineering", 0},
    {"bldg bldgs", "building", 0},
    {"constr", "construction", 0},
    {"comm", "community", 0},
    {"commn", "commission", 0},
    {"elem", "elementary", 0},
    {"sch schl", "school", 0},
    {"acad", "academy", 0},
    {"grp", "group", 0},
    {"hldg hldgs holdings", "holding", 0},
    {"ind inds industry", "industries", 0},
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
    {"ned nederlandse", "nederland", 0},
    {"deutsche deutscher", "deutschland", 0},
};
/* clang-format on */

static NormalSlot slots[1024];
static const NormalTable table = {entries, sizeof entries / sizeof entries[0], slots, 1024};
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void
fill_table(void)
{
    (void) normal_table_fill(&table);
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

void
normal_company(const char *text, size_t length, NormalWords *out)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[NORMAL_MAX_PIECES];
    int folded_length = normal_fold(text, length, folded);
    int count = normal_split(folded, join_letters(folded, folded_length), piece, NORMAL_MAX_PIECES);

    pthread_once(&table_once, fill_table);
    out->used = out->count = 0;
    for (int i = 0; i < count; i++) {
        unsigned place = 0;
        const NormalEntry *entry = normal_table_find(&table, piece[i].text, piece[i].length, &place);

        if (entry == NULL)
            normal_add(out, piece[i].text, piece[i].length, NORMAL_WORD);
        else if (entry->to != NULL)
            normal_add_all(out, entry->to, NORMAL_WORD);
        else if (entry->kind == LEGAL && i == 0) /* no name begins with its legal form */
            normal_add(out, piece[i].text, piece[i].length, NORMAL_WORD);
    }
    /* a company that is called nothing but a legal form keeps it */
    for (int i = 0; out->count == 0 && i < count; i++)
        normal_add(out, piece[i].text, piece[i].length, NORMAL_WORD);
}
