/*
 * normal_person.c: a person's name as a set of words.
 */
#include "customer/normal_words.h"

#include <pthread.h>
#include <string.h>

#define TITLE 1u    /* dropped wherever more than it is left */
#define SUFFIX 2u   /* dropped behind the first word */
#define PARTICLE 4u /* dropped before another word */
#define INNER 8u    /* a particle, but a name where it comes first */
#define DEGREE 16u  /* dropped behind a title: "dr phil", where Phil is no name */
#define RANK 32u    /* a title where two words or more follow; else a name (Major, King) */

/* clang-format off */
static const NormalEntry entries[] = {
    {"mr mrs ms miss mx messrs dr drs doctor prof professor dame madam rev revd reverend hon honorable honourable", NULL, TITLE},
    {"sir lady lord rabbi imam pastor capt captain col colonel lt lieut lieutenant cpl sgt sergeant gen cmdr adm", NULL, RANK},
    {"maj major king prince princess duke earl count baron baroness viscount judge father brother sister don dona", NULL, RANK},
    {"herr frau frl fraulein ing dipl dkfm mag magister lic univprof privatdoz pd dring drmed", NULL, TITLE},
    {"dhr mevr mw mej mejuffrouw heer mevrouw meneer ir bc", NULL, TITLE},
    {"mme mlle monsieur madame mademoiselle maitre mgr", NULL, TITLE},
    {"sr sra srta senor senora senorita lcdo lcda licenciado licenciada", NULL, TITLE},
    {"sig sigra signor signora signorina dott dottssa dottore dottoressa avv avvocato geom rag", NULL, TITLE},
    {"senhor senhora doutor doutora dra engenheiro", NULL, TITLE},
    {"pan pani mgr inz fru froken hr", NULL, RANK},
    {"jr jnr junior snr senior ii iii iv vi vii viii", NULL, SUFFIX},
    {"phd md mba msc ma bsc ba bsn rn do dds dmd dvm esq esquire cpa jd llb llm bt bart baronet obe mbe cbe kbe kcb "
     "cb vc mp qc kc frs frcp frcs ret", NULL, SUFFIX},
    {"med dent vet jur iur phil rer nat pol oec habil hc theol inform", NULL, DEGREE},
    {"van von vom vd vander vanden de der den des du di da do das dos del della dello dei degli delle dal dalla la las los les le "
     "lo zu zum zur ten ter te het af av of the d l t", NULL, PARTICLE},
    {"al el ul ben bin ibn bint binti abu abd san", NULL, INNER},
};
/* clang-format on */

static NormalSlot slots[1024];
static const NormalTable table = {entries, sizeof entries / sizeof entries[0], slots, 1024};
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

typedef enum Part { GIVEN, FAMILY, FULL } Part;

static void
fill_table(void)
{
    (void) normal_table_fill(&table);
}

static unsigned
kind_of(const NormalPiece *piece)
{
    unsigned place = 0;
    const NormalEntry *entry = normal_table_find(&table, piece->text, piece->length, &place);

    return entry == NULL ? 0 : entry->kind;
}

/* A single letter, of any script. */
static bool
is_initial(const NormalPiece *piece)
{
    unsigned char c = (unsigned char) piece->text[0];

    return piece->length == (c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4);
}

/* Takes out what is no name; returns how many words are left. A part that is nothing else keeps all of it. */
static int
keep_names(NormalPiece *piece, int count, Part part)
{
    NormalPiece kept[NORMAL_MAX_PIECES];
    int names = 0;
    bool after_title = false;

    for (int i = 0; i < count; i++) {
        unsigned kind = kind_of(&piece[i]);
        bool last = i == count - 1;
        bool drop = (kind & TITLE) || (kind & SUFFIX && names > 0) ||
                    (kind & RANK && names == 0 && count - i > 2 && part != FAMILY) ||
                    (kind & PARTICLE && !last && (piece[i].length > 1 || part == FAMILY || names > 0)) ||
                    (kind & INNER && !last && names > 0) || (kind & DEGREE && after_title) ||
                    (piece[i].text[0] >= '0' && piece[i].text[0] <= '9');

        after_title = drop && (kind & (TITLE | DEGREE));
        if (!drop)
            kept[names++] = piece[i];
    }
    if (names == 0)
        return count;
    memcpy(piece, kept, (size_t) names * sizeof kept[0]);
    return names;
}

static NormalRole
role_of(Part part, int i, int count)
{
    if (part != FULL)
        return part == GIVEN ? NORMAL_GIVEN : NORMAL_FAMILY;
    if (count == 1)
        return NORMAL_WORD;
    return i == 0 ? NORMAL_GIVEN : i == count - 1 ? NORMAL_FAMILY : NORMAL_WORD;
}

static void
add_part(NormalWords *out, const char *text, size_t length, Part part)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[NORMAL_MAX_PIECES];
    int count = normal_split(folded, normal_fold(text, length, folded), piece, NORMAL_MAX_PIECES);

    count = keep_names(piece, count, part);
    for (int i = 0; i < count; i++) {
        int before = out->count;

        normal_add(out, piece[i].text, piece[i].length, role_of(part, i, count));
        if (out->count > before)
            out->word[before].initial = is_initial(&piece[i]);
    }
}

/* Whether a text says nothing but titles and suffixes: what stands behind the comma of "Ann Lee, PhD". */
static bool
is_suffix(const char *text, size_t length)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[NORMAL_MAX_PIECES];
    int count = normal_split(folded, normal_fold(text, length, folded), piece, NORMAL_MAX_PIECES);

    for (int i = 0; i < count; i++)
        if (!(kind_of(&piece[i]) & (TITLE | SUFFIX | RANK)))
            return false;
    return true;
}

void
normal_person(const char *given, size_t given_length, const char *family, size_t family_length,
              const char *full, size_t full_length, NormalWords *out)
{
    const char *comma = full == NULL ? NULL : memchr(full, ',', full_length);
    size_t before = comma == NULL ? full_length : (size_t) (comma - full);

    pthread_once(&table_once, fill_table);
    out->used = out->count = 0;
    if (given != NULL)
        add_part(out, given, given_length, GIVEN);
    if (family != NULL)
        add_part(out, family, family_length, FAMILY);
    if (full == NULL)
        return;
    if (comma == NULL || is_suffix(comma + 1, full_length - before - 1))
        add_part(out, full, before, FULL);
    else {
        add_part(out, comma + 1, full_length - before - 1, GIVEN);
        add_part(out, full, before, FAMILY);
    }
}
