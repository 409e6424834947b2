/*
 * normal_person.c: a person's name as a set of words.
 *
 * What is no name is told by a table of words and where they stand: "van" is a particle before another word and a name where
 * it is all there is, "Major" is a title before two words and else a name, "Junior" a suffix but behind a name.
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
    {"mr mrs ms miss mx messrs dr drs doctor prof professor dame madam rev revd reverend hon honorable honourable rt "
     "and und et", NULL, TITLE},
    {"sir lady lord rabbi imam pastor capt captain col colonel lt lieut lieutenant cpl sgt sergeant gen cmdr adm", NULL, RANK},
    {"maj major king prince princess duke earl count baron baroness viscount marquess marquis judge father brother sister don dona", NULL, RANK},
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
     "lo zu zum zur ten ter te het af av of the d l t v y", NULL, PARTICLE},
    {"al el ul ben bin ibn bint binti abu san", NULL, INNER},
};
/* clang-format on */

static NormalSlot slots[1024];
static const NormalTable table = {entries, sizeof entries / sizeof entries[0], slots, 1024};
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

typedef enum Part { GIVEN, FAMILY, FULL, RANKED } Part;

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

static bool
is_ordinal(const NormalPiece *piece)
{
    return piece->text[0] >= '0' && piece->text[0] <= '9';
}

/* A single letter is a particle in a family name (v.d. Berg), else an initial; but y stands between Spanish ones. */
static bool
is_particle(const NormalPiece *piece, unsigned kind, int names, Part part)
{
    if (kind & INNER)
        return names > 0 || part == FAMILY;
    return (kind & PARTICLE) && (piece->length > 1 || part == FAMILY || (piece->text[0] == 'y' && names > 0));
}

static bool
is_title(unsigned kind, int names, int behind, Part part, bool after_title, bool after_ordinal)
{
    return (kind & TITLE) || (kind & SUFFIX && names > 0) || (kind & DEGREE && after_title) ||
           (kind & RANK && ((names == 0 && behind > 1 && part != FAMILY) || after_ordinal));
}

/*
 * Takes out what is no name; returns how many words are left. Where nothing would be left particles and ranks are a name, and
 * so is everything in a family name.
 */
static int
keep_names(NormalPiece *piece, int count, Part part)
{
    NormalPiece all[NORMAL_MAX_PIECES];
    int names = 0;
    bool after_title = false;
    bool after_ordinal = false; /* 1st baron */

    memcpy(all, piece, (size_t) count * sizeof *piece);
    for (int i = 0; i < count; i++) {
        unsigned kind = kind_of(&all[i]);
        int behind = count - i - 1;
        bool title = is_title(kind, names, behind, part, after_title, after_ordinal);

        after_title = title;
        after_ordinal = is_ordinal(&all[i]);
        if (!title && !after_ordinal && (behind == 0 || !is_particle(&all[i], kind, names, part)))
            piece[names++] = all[i];
    }
    for (int i = 0, none = names == 0; none && i < count; i++)
        if (part == FAMILY || (!is_ordinal(&all[i]) && !(kind_of(&all[i]) & TITLE)))
            piece[names++] = all[i];
    return names;
}

static NormalRole
role_of(Part part, int i, int count)
{
    if (part == GIVEN || part == FAMILY)
        return part == GIVEN ? NORMAL_GIVEN : NORMAL_FAMILY;
    if (count == 1 || part == RANKED)
        return NORMAL_WORD;
    return i == 0 ? NORMAL_GIVEN : i == count - 1 ? NORMAL_FAMILY : NORMAL_WORD;
}

/* In place: "mc donald" and, in a family name, "o neil" are one word, as they are with an apostrophe or without. */
static int
join_prefixes(char *folded, int length, Part part)
{
    int kept = 0;
    int word = 0; /* where the last word that was kept begins */

    for (int i = 0; i < length; i++) {
        if (folded[i] != ' ')
            folded[kept++] = folded[i];
        else if (!(kept - word == 2 && memcmp(folded + word, "mc", 2) == 0) &&
                 !(kept == 1 && folded[0] == 'o' && part == FAMILY)) {
            folded[kept++] = ' ';
            word = kept;
        }
    }
    return kept;
}

static void
add_part(NormalWords *out, const char *text, size_t length, Part part)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[NORMAL_MAX_PIECES];
    int folded_length = normal_fold(text, length, folded);
    int count = normal_split(folded, join_prefixes(folded, folded_length, part), piece, NORMAL_MAX_PIECES);

    count = keep_names(piece, count, part);
    for (int i = 0; i < count; i++) {
        int before = out->count;

        normal_add(out, piece[i].text, piece[i].length, role_of(part, i, count));
        if (out->count > before)
            out->word[before].initial = is_initial(&piece[i]);
    }
}

typedef enum Behind { NAMES_BEHIND, TITLES_BEHIND, RANK_BEHIND } Behind;

/* What stands behind the comma: "Lee, Ann", "Ann Lee, PhD", "William Thomson, 1st Baron Kelvin". */
static Behind
behind_comma(const char *text, size_t length)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[NORMAL_MAX_PIECES];
    int count = normal_split(folded, normal_fold(text, length, folded), piece, NORMAL_MAX_PIECES);

    for (int i = 0; i < count; i++)
        if (!is_ordinal(&piece[i]) && !(kind_of(&piece[i]) & (TITLE | SUFFIX | RANK)))
            return is_ordinal(&piece[0]) ? RANK_BEHIND : NAMES_BEHIND;
    return TITLES_BEHIND;
}

/*
 * "DE LA CRUZ Maria": how many bytes at the beginning are words in capitals, where small letters follow; 0 where that says
 * nothing. Capitals of other alphabets say nothing here.
 */
static size_t
family_in_capitals(const char *text, size_t length)
{
    size_t end = 0; /* of the last word in capitals */
    size_t letters = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == ' ')
            end = letters > 2 ? i : end;
        else if (text[i] >= 'A' && text[i] <= 'Z')
            letters++;
        else if (text[i] >= 'a' && text[i] <= 'z')
            return letters > 2 ? end : 0;
        else if (text[i] != '-' && text[i] != '\'')
            return 0;
    }
    return 0;
}

static void
add_full(NormalWords *out, const char *full, size_t length)
{
    const char *comma = memchr(full, ',', length);
    size_t before = comma == NULL ? family_in_capitals(full, length) : (size_t) (comma - full);
    size_t after = comma == NULL ? before : before + 1;
    Behind behind = comma == NULL ? NAMES_BEHIND : behind_comma(full + after, length - after);

    if (before == 0 && comma == NULL)
        add_part(out, full, length, FULL);
    else if (behind == NAMES_BEHIND) {
        add_part(out, full + after, length - after, GIVEN);
        add_part(out, full, before, FAMILY);
    } else {
        add_part(out, full, before, FULL);
        if (behind == RANK_BEHIND)
            add_part(out, full + after, length - after, RANKED);
    }
}

void
normal_person(const char *given, size_t given_length, const char *family, size_t family_length,
              const char *full, size_t full_length, NormalWords *out)
{
    pthread_once(&table_once, fill_table);
    out->used = out->count = 0;
    if (given != NULL)
        add_part(out, given, given_length, GIVEN);
    if (family != NULL)
        add_part(out, family, family_length, FAMILY);
    if (full != NULL)
        add_full(out, full, full_length < NORMAL_MAX_TEXT ? full_length : NORMAL_MAX_TEXT);
}
