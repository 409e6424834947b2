/*
 * normal_person.c: a person's name as a set of words.
 *
 * What is no name is told by a table of words and where they stand: "van" is a particle before another word and a name where
 * it is all there is, "Major" is a title before two words and else a name, "Junior" a suffix but behind a name.
 */
#include "customer/normal_words.h"
#include "customer/utf8.h"

#include <pthread.h>
#include <string.h>

#define TITLE 1u    /* dropped wherever more than it is left */
#define SUFFIX 2u   /* dropped behind the first word */
#define PARTICLE 4u /* dropped before another word */
#define INNER 8u    /* a particle, but a name where it comes first */
#define DEGREE 16u  /* dropped behind a title: "dr phil", where Phil is no name */
#define RANK 32u    /* a title where two words or more follow; else a name (Major, King) */
#define NOBLE 64u   /* German ones, which stand before the family name too: Otto Graf Lambsdorff */

/* clang-format off */
static const NormalEntry entries[] = {
    {"mr mrs ms miss mx messrs dr drs doctor prof professor dame madam rev revd reverend hon honorable honourable rt "
     "and und et", NULL, TITLE},
    {"sir lady lord rabbi imam pastor capt captain col colonel lt lieut lieutenant cpl sgt sergeant gen cmdr adm", NULL, RANK},
    {"maj major king prince princess duke earl count baron baroness viscount marquess marquis judge father brother sister don dona", NULL, RANK},
    {"herr frau frl fraulein ing dipl dkfm mag magister lic univprof privatdoz pd dring drmed", NULL, TITLE},
    {"dhr mevr mw mej mejuffrouw heer mevrouw meneer ir bc", NULL, TITLE},
    {"mme mlle monsieur madame mademoiselle maitre mgr", NULL, TITLE},
    {"sr sra srta senor senora senorita dna lcdo lcda licenciado licenciada", NULL, TITLE},
    {"sig sigra signor signora signorina dott dottssa dottore dottoressa avv avvocato geom rag", NULL, TITLE},
    {"senhor senhora doutor doutora dra engenheiro hr", NULL, TITLE},
    {"pan pani mgr inz fru froken", NULL, RANK},
    {"jr jnr junior snr senior ii iii iv vi vii viii", NULL, SUFFIX},
    {"phd md mba msc ma bsc ba bsn rn do dds dmd dvm esq esquire cpa jd llb llm bt bart baronet obe mbe cbe kbe kcb "
     "cb vc mp qc kc frs frcp frcs ret", NULL, SUFFIX},
    {"med dent vet jur iur phil rer nat pol oec habil hc mult fh theol inform", NULL, DEGREE},
    {"van von vom vd vander vanden de der den des du di da do das dos del della dello dei degli delle dal dalla la las los les le "
     "lo zu zum zur ten ter te het af av of the d l t v y", NULL, PARTICLE},
    {"al el ul ben bin ibn bint binti abu san nee geb geborene geboren بن ابن بنت", NULL, INNER},
    {"freiherr freifrau freiin graf grafin prinz prinzessin", NULL, NOBLE},
};
/* clang-format on */

static NormalSlot slots[1024];
static const NormalTable table = {entries, sizeof entries / sizeof entries[0], slots, 1024};
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

/* INVERTED: what stands behind the comma of "Lee, Ann". */
typedef enum Part { GIVEN, FAMILY, FULL, RANKED, INVERTED } Part;

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

/* A single letter of an alphabet: a Chinese character is a word by itself. */
static bool
is_initial(const NormalPiece *piece)
{
    unsigned char c = (unsigned char) piece->text[0];

    return piece->length == (c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4) && !normal_is_east_asian(piece);
}

static bool
is_ordinal(const NormalPiece *piece)
{
    return piece->text[0] >= '0' && piece->text[0] <= '9';
}

static bool
is_letter(const NormalPiece *piece, char c)
{
    return piece->length == 1 && piece->text[0] == c;
}

/*
 * A single letter is a particle in a family name (v.d. Berg), else an initial; but "v. d." and "van 't" stand in full names
 * too, and y between Spanish ones. behind is how many pieces follow.
 */
static bool
is_particle(const NormalPiece *piece, unsigned kind, int names, int behind, Part part)
{
    if (kind & INNER)
        return names > 0 || part == FAMILY;
    if (!(kind & PARTICLE))
        return false;
    if (piece->length > 1 || part == FAMILY || names == 0)
        return piece->length > 1 || part == FAMILY;
    return piece->text[0] == 'y' || (behind > 1 && is_letter(piece, 'v') && is_letter(piece + 1, 'd')) ||
           (is_letter(piece, 'd') && is_letter(piece - 1, 'v')) ||
           (is_letter(piece, 't') && normal_piece_is(piece - 1, "van"));
}

/* "Berg, Jan van der", and of a family name "Berg, van der": particles that were put behind the name. */
static int
drop_particles_behind(const NormalPiece *piece, int count, Part part)
{
    int kept = count;

    if (part != FAMILY && part != INVERTED)
        return count;
    while (kept > 1 && (kind_of(&piece[kept - 1]) & PARTICLE))
        kept--;
    /* a single short one may be a name: Nguyen, Thi Le */
    return count - kept == 1 && piece[kept].length < 3 && part == INVERTED ? count : kept;
}

/* Whether pieces are the letters of one degree: p h d is none, ph d is. */
static bool
is_dotted_degree(const NormalPiece *piece, int size)
{
    char joined[8];
    NormalPiece degree = {joined, 0};

    for (int i = 0; i < size; i++) {
        if (piece[i].length != 1 && !(i == 0 && normal_piece_is(piece, "ph")))
            return false;
        memcpy(joined + degree.length, piece[i].text, (size_t) piece[i].length);
        degree.length += piece[i].length;
    }
    return (kind_of(&degree) & SUFFIX) != 0;
}

/*
 * "John Smith, Ph.D.", "John Smith M.D.": how many pieces are left before degrees whose letters have dots between them. At least
 * least must be left.
 */
static int
drop_dotted_degrees(const NormalPiece *piece, int count, int least)
{
    for (int size = 4; size > 1; size--)
        if (count - size >= least && is_dotted_degree(piece + count - size, size)) {
            count -= size;
            size = 5; /* another one before it */
        }
    return count;
}

static bool
is_title(unsigned kind, int names, int behind, Part part, bool after_title, bool after_ordinal)
{
    return (kind & TITLE) || (kind & SUFFIX && names > 0) || (kind & DEGREE && after_title) ||
           (kind & RANK && ((names == 0 && behind > 1 && part != FAMILY) || after_ordinal)) ||
           (kind & NOBLE && (names > 0 || part == FAMILY ? behind > 0 : behind > 1));
}

/* "Dr. h. c." */
static bool
is_honorary(const NormalPiece *piece, int behind, bool after_title)
{
    return after_title && ((behind > 0 && is_letter(piece, 'h') && is_letter(piece + 1, 'c')) ||
                           (is_letter(piece, 'c') && is_letter(piece - 1, 'h')));
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

    count = drop_dotted_degrees(piece, drop_particles_behind(piece, count, part), 2);
    memcpy(all, piece, (size_t) count * sizeof *piece);
    for (int i = 0; i < count; i++) {
        unsigned kind = kind_of(&all[i]);
        int behind = count - i - 1;
        bool title = is_title(kind, names, behind, part, after_title, after_ordinal) ||
                     is_honorary(&all[i], behind, after_title);

        after_title = title;
        after_ordinal = is_ordinal(&all[i]);
        if (!title && !after_ordinal && (behind == 0 || !is_particle(&all[i], kind, names, behind, part)))
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
    if (part == GIVEN || part == INVERTED)
        return NORMAL_GIVEN;
    if (part == FAMILY)
        return NORMAL_FAMILY;
    if (count == 1 || part == RANKED)
        return NORMAL_WORD;
    return i == 0 ? NORMAL_GIVEN : i == count - 1 ? NORMAL_FAMILY : NORMAL_WORD;
}

/* In place: "mc donald", "mac donald" but for a first name, and, in a family name, "o neil" are one word, as they are with an apostrophe or without. */
static int
join_prefixes(char *folded, int length, Part part)
{
    int kept = 0;
    int word = 0; /* where the last word that was kept begins */

    for (int i = 0; i < length; i++) {
        if (folded[i] != ' ')
            folded[kept++] = folded[i];
        else if (!(kept - word == 2 && memcmp(folded + word, "mc", 2) == 0) &&
                 !(kept - word == 3 && (word > 0 || part == FAMILY) &&
                   memcmp(folded + word, "mac", 3) == 0) &&
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
    int count =
        normal_split(folded, join_prefixes(folded, folded_length, part), piece, NORMAL_MAX_PIECES - 1);
    bool family_first = part == FULL && normal_east_asian_name(piece, &count);

    count = keep_names(piece, count, part);
    for (int i = 0; i < count; i++) {
        int before = out->count;

        normal_add(out, piece[i].text, piece[i].length,
                   role_of(part, family_first ? count - 1 - i : i, count));
        if (out->count > before)
            out->word[before].initial = is_initial(&piece[i]);
    }
}

typedef enum Behind { NAMES_BEHIND, TITLES_BEHIND, RANK_BEHIND } Behind;

/*
 * What stands behind the comma: "Lee, Ann", "Ann Lee, PhD", "William Thomson, 1st Baron Kelvin". "J. D." are initials behind a
 * single word, a degree behind two.
 */
static Behind
behind_comma(const char *text, size_t length, bool name_before)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[NORMAL_MAX_PIECES];
    int count = normal_split(folded, normal_fold(text, length, folded), piece, NORMAL_MAX_PIECES);

    if (name_before)
        count = drop_dotted_degrees(piece, count, 0);
    for (int i = 0; i < count; i++)
        if (!is_ordinal(&piece[i]) && !(kind_of(&piece[i]) & (TITLE | SUFFIX | RANK)))
            return is_ordinal(&piece[0]) ? RANK_BEHIND : NAMES_BEHIND;
    return TITLES_BEHIND;
}

/*
 * "DE LA CRUZ Maria", "ИВАНОВ Иван": how many bytes at the beginning are words in capitals, where small letters follow; 0 where
 * that says nothing.
 */
static size_t
family_in_capitals(const char *text, size_t length)
{
    size_t end = 0; /* of the last word in capitals */
    size_t letters = 0;

    for (size_t i = 0; i < length;) {
        uint32_t c;
        size_t size = (size_t) utf8_read((const unsigned char *) text + i, (int) (length - i), &c);

        if (c == ' ')
            end = letters > 2 ? i : end;
        else if (normal_is_small(c))
            return letters > 2 ? end : 0;
        else if (normal_is_capital(c))
            letters++;
        else if (c != '-' && c != '\'' && c != 0x2019)
            return 0;
        i += size;
    }
    return 0;
}

static void
add_full(NormalWords *out, const char *full, size_t length)
{
    const char *comma = memchr(full, ',', length);
    size_t before = comma == NULL ? family_in_capitals(full, length) : (size_t) (comma - full);
    size_t after = comma == NULL ? before : before + 1;
    Behind behind = comma == NULL
                        ? NAMES_BEHIND
                        : behind_comma(full + after, length - after, memchr(full, ' ', before) != NULL);

    if (before == 0 && comma == NULL)
        add_part(out, full, length, FULL);
    else if (behind == NAMES_BEHIND) {
        add_part(out, full + after, length - after, comma == NULL ? GIVEN : INVERTED);
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
