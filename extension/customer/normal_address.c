/*
 * normal_address.c: street, number and direction of an address line.
 *
 * Two orders are told apart by how the line begins: "12 High Street" and "Hauptstr. 12", where the first number behind a name
 * ends the street. Where commas part the line, what follows the part that completes street and number is a town.
 */
#include "customer/normal_words.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

#define TYPE 1u      /* street, road: dropped where another word is left */
#define UNIT 2u      /* flat, suite: dropped with what it numbers */
#define DIRECTION 4u /* its first letter is the direction */
#define SMALL 8u     /* of the, de la: dropped like a type */
#define STATE 16u    /* dropped before a postcode */
#define WAY 32u      /* highway: a type, and a number behind it is part of the name */
#define BOX 64u      /* of a post office */
#define FLOOR 128u   /* a unit that an ordinal stands before: 2nd floor */

/* clang-format off */
static const NormalEntry entries[] = {
    {"street st str road rd avenue av ave aven lane ln drive dr drv boulevard blvd boul bd court ct crt place pl crescent cres cr "
     "crs close cl terrace ter terr tce parade pde parkway pkwy pky way wy square sq circuit cct circle cir circ grove gr gve "
     "esplanade esp alley aly walk wlk mews gardens gdns row rise trail trl plaza plz pike turnpike tpke loop", NULL, TYPE},
    {"strasse weg platz gasse allee ring damm ufer straat laan plein gracht kade singel dreef", NULL, TYPE},
    {"rue chemin che impasse imp quai cours passage allees faubourg fbg route rte", NULL, TYPE},
    {"calle c avenida avda paseo pso plaza pza carrer camino carretera ctra ronda travesia via viale v piazza corso largo vicolo "
     "strada rua r travessa tv praca pca alameda estrada rodovia rod", NULL, TYPE},
    {"ul ulica al aleja aleje pl plac os osiedle ulice namesti trida utca ut ter tere vej gade gatan gata vagen vei veien gate "
     "katu tie ulitsa prospekt pereulok ул улица пр проспект пер переулок", NULL, TYPE},
    {"highway hwy hiway route rt interstate freeway fwy expressway expy", NULL, WAY | TYPE},
    {"apt apartment unit flat suite ste room rm appt app appartement wohnung whg piso puerta pta interno int apto andar sala lokal "
     "lot lote escalier esc scala bat batiment bldg building block blk shop level lvl hinterhaus hh vorderhaus vh top stiege tur "
     "office", NULL, UNIT},
    {"floor fl flr stock og etage", NULL, UNIT | FLOOR},
    {"n north nth", "n", DIRECTION},
    {"s south sth", "s", DIRECTION},
    {"e east", "e", DIRECTION},
    {"w west", "w", DIRECTION},
    {"ne northeast", "n", DIRECTION},
    {"nw northwest", "n", DIRECTION},
    {"se southeast", "s", DIRECTION},
    {"sw southwest", "s", DIRECTION},
    {"the of de la le les du des del della dei den der het da do dos das am an auf im in zum zur no nr num numero jr", NULL, SMALL},
    {"al ak az ar ca co ct de dc fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt nv nh nj nm ny nc nd oh ok or pa ri sc sd "
     "tn tx ut vt va wa wv wi wy nsw vic qld tas act", NULL, STATE},
    {"pobox postfach postbus apartado boite", "pobox", BOX},
    {"first", "1st", 0}, {"second", "2nd", 0}, {"third", "3rd", 0}, {"fourth", "4th", 0}, {"fifth", "5th", 0},
    {"sixth", "6th", 0}, {"seventh", "7th", 0}, {"eighth", "8th", 0}, {"ninth", "9th", 0}, {"tenth", "10th", 0},
    {"mlk", "martin luther king", 0}, {"mount", "mt", 0}, {"fort", "ft", 0}, {"saint sainte sankt sint", "saint", 0}, {"doctor doktor", "dr", 0},
};
/* clang-format on */

/* What a street's name and its type are often written together as: pridhamstreet, Hauptstr. */
static const char *const endings[] = {"street",  "crescent", "circuit", "avenue", "place",
                                      "close",   "drive",    "court",   "road",   "parade",
                                      "terrace", "strasse",  "straat",  "gasse",  "str"};

static NormalSlot slots[1024];
static const NormalTable table = {entries, sizeof entries / sizeof entries[0], slots, 1024};
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

typedef struct Line {
    NormalPiece piece[NORMAL_MAX_PIECES];
    unsigned kind[NORMAL_MAX_PIECES]; /* 0 for a dropped one as well */
    const NormalEntry *entry[NORMAL_MAX_PIECES];
    int count;
} Line;

static void
fill_table(void)
{
    (void) normal_table_fill(&table);
}

/* A word may stand in several entries (st, al, ct): its kinds together, the first entry that writes something else. */
static void
look_up(Line *line)
{
    for (int i = 0; i < line->count; i++) {
        const NormalEntry *entry;
        unsigned place = 0;

        line->kind[i] = 0;
        line->entry[i] = NULL;
        while ((entry = normal_table_find(&table, line->piece[i].text, line->piece[i].length, &place)) !=
               NULL) {
            line->kind[i] |= entry->kind;
            if (line->entry[i] == NULL && entry->to != NULL)
                line->entry[i] = entry;
        }
    }
}

static void
take_out(Line *line, int from, int count)
{
    int rest = line->count - from - count;

    memmove(line->piece + from, line->piece + from + count, (size_t) rest * sizeof line->piece[0]);
    memmove(line->kind + from, line->kind + from + count, (size_t) rest * sizeof line->kind[0]);
    memmove(line->entry + from, line->entry + from + count, (size_t) rest * sizeof line->entry[0]);
    line->count -= count;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A house number: digits, or digits and one letter (12a). An ordinal (51st) is none. */
static bool
is_number(const NormalPiece *piece)
{
    int digits = normal_piece_digits(piece);

    return digits > 0 && digits <= 6 &&
           (piece->length - digits <= 1 ||
            (piece->length - digits == 3 &&
             (memcmp(piece->text + digits, "bis", 3) == 0 || memcmp(piece->text + digits, "ter", 3) == 0)));
}

static bool
is_letter(const NormalPiece *piece)
{
    return piece->length == 1 && piece->text[0] >= 'a' && piece->text[0] <= 'z';
}

/* Flat 3, suite b, 2nd floor, apt 4c. */
static void
drop_units(Line *line)
{
    for (int i = 0; i < line->count; i++) {
        bool numbered =
            i + 1 < line->count && (is_digit(line->piece[i + 1].text[0]) || is_letter(&line->piece[i + 1]));
        int before = 0;

        if (!(line->kind[i] & UNIT))
            continue;
        if ((line->kind[i] & FLOOR) && i > 0 && normal_piece_digits(&line->piece[i - 1]) > 0 &&
            !(i == 1 && line->count > 2 && is_number(&line->piece[0])))
            before = 1;
        if (!numbered && before == 0)
            continue;
        i -= before;
        take_out(line, i, before > 0 ? 2 : numbered ? 2 : 1);
        i--;
    }
}

static bool
is_british_postcode(const NormalPiece *outward, const NormalPiece *inward)
{
    return inward->length == 3 && normal_piece_digits(inward) == 1 && !is_digit(inward->text[1]) &&
           !is_digit(inward->text[2]) && outward->length >= 2 && outward->length <= 4 &&
           !is_digit(outward->text[0]) &&
           (is_digit(outward->text[1]) || (outward->length > 2 && is_digit(outward->text[2])));
}

/* "IL 60302", "60302", "SW1A 1AA" at the end of a line that has a number in front of it. */
static void
drop_postcode(Line *line)
{
    int last = line->count - 1;
    bool numbered = false;

    for (int i = 0; i < last; i++)
        numbered |= is_number(&line->piece[i]);
    if (last < 2 || !numbered)
        return;
    if (line->piece[last].length >= 4 &&
        normal_piece_digits(&line->piece[last]) == line->piece[last].length) {
        line->count--;
        if (line->count > 2 && (line->kind[line->count - 1] & STATE))
            line->count--;
    } else if (is_british_postcode(&line->piece[last - 1], &line->piece[last]))
        line->count -= 2;
}

static void
keep_number(NormalAddress *out, const NormalPiece *piece)
{
    int digits = normal_piece_digits(piece);

    out->number_length = digits < (int) sizeof out->number ? digits : (int) sizeof out->number;
    memcpy(out->number, piece->text, (size_t) out->number_length);
}

/*
 * The place of a number behind the street's name, or -1: the first one, unless it belongs to the name, as in "Strasse des
 * 17. Juni 135".
 */
static int
number_behind(const Line *line)
{
    int found = -1;

    for (int i = 1; i < line->count; i++) {
        if (!is_number(&line->piece[i]) || (line->kind[i - 1] & WAY))
            continue;
        if (found < 0)
            found = i;
        else if (i == found + 1) /* 6/12 */
            return found;
        else if (i > found + 1 && normal_piece_digits(&line->piece[i]) < 4 &&
                 !is_letter(&line->piece[found + 1]))
            return i;
    }
    return found;
}

/* "Rose Cottage 12 High Street": the name of a house before a number that a street follows. */
static bool
street_follows(const Line *line, int at)
{
    bool before = false;
    bool after = false;

    for (int i = 0; i < line->count; i++) {
        before |= i < at && (line->kind[i] & TYPE) != 0;
        after |= i > at + 1 && (line->kind[i] & TYPE) != 0;
    }
    /* "Hauptstrasse 12 Am Weg": the type may be in the name */
    return after && !before && line->piece[0].length <= 12;
}

/* "Washington Blvd Oak Park": what follows the last type behind a name, but for a direction. */
static void
drop_town(Line *line)
{
    bool name = false;
    int type = -1;

    for (int i = 0; i < line->count; i++) {
        if (name && (line->kind[i] & (TYPE | WAY)) == TYPE && line->piece[i].length > 1)
            type = i;
        name |= !(line->kind[i] & (TYPE | SMALL | DIRECTION));
    }
    if (type < 0)
        return;
    line->count = type + 1 < line->count && (line->kind[type + 1] & DIRECTION) ? type + 2 : type + 1;
}

/* "s/n", without a number, as it is written in Spanish. */
static void
drop_no_number(Line *line)
{
    int last = line->count - 1;

    if (last > 1 && normal_piece_is(&line->piece[last - 1], "s") && normal_piece_is(&line->piece[last], "n"))
        line->count -= 2;
}

/* Finds the house number and takes it out, with what does not belong to the street. */
static void
take_number(Line *line, NormalAddress *out)
{
    int at = line->count > 0 && is_number(&line->piece[0]) ? 0 : number_behind(line);

    if (at < 0)
        return;
    keep_number(out, &line->piece[at]);
    if (at > 0 && !street_follows(line, at)) { /* Hauptstr. 12 a, 10115 Berlin */
        line->count = at;
        return;
    }
    take_out(line, 0, at + 1);
    while (line->count > 1 && is_number(&line->piece[0])) /* 12-14, 12 1/2 */
        take_out(line, 0, 1);
    if (line->count > 1 &&
        ((is_letter(&line->piece[0]) && !(line->kind[0] & (DIRECTION | TYPE))) ||
         normal_piece_is(&line->piece[0], "bis") || normal_piece_is(&line->piece[0], "ter")))
        take_out(line, 0, 1); /* 12 a High Street */
    drop_town(line);
    while (line->count > 1 && is_number(&line->piece[line->count - 1]) &&
           !(line->kind[line->count - 2] & WAY))
        line->count--; /* 12 High Street 4 */
}

static bool
is_name(const Line *line, int i)
{
    return !(line->kind[i] & (TYPE | SMALL));
}

/* In front of a name, or behind everything: "224 N Central", "5th Ave N"; "North Avenue" is a name. */
static void
take_direction(Line *line, NormalAddress *out)
{
    int last = line->count - 1;
    int names = 0;

    for (int i = 0; i <= last; i++)
        names += is_name(line, i);
    if (names < 2)
        return;
    if (line->kind[0] & DIRECTION) {
        out->direction = line->entry[0]->to[0];
        take_out(line, 0, 1);
        last--;
    }
    if (names > 1 + (out->direction != 0) && (line->kind[last] & DIRECTION)) {
        out->direction = out->direction != 0 ? out->direction : line->entry[last]->to[0];
        line->count--;
    }
}

static void
add_street_word(NormalAddress *out, const Line *line, int i)
{
    const NormalPiece *piece = &line->piece[i];
    int length = piece->length;

    if (line->entry[i] != NULL && !(line->kind[i] & DIRECTION)) {
        normal_add_all(&out->street, line->entry[i]->to, NORMAL_WORD);
        return;
    }
    for (size_t e = 0; e < sizeof endings / sizeof endings[0]; e++) {
        int ending = (int) strlen(endings[e]);

        if (length >= ending + 3 && memcmp(piece->text + length - ending, endings[e], (size_t) ending) == 0) {
            length -= ending;
            break;
        }
    }
    normal_add(&out->street, piece->text, length, NORMAL_WORD);
}

/* "St Marys Road", "Upper St Giles Street", not "High St Norwich". */
static bool
is_saint(const Line *line, int i)
{
    if (!normal_piece_is(&line->piece[i], "st") || i + 1 >= line->count || !is_name(line, i + 1))
        return false;
    for (int k = i + 2; k < line->count; k++)
        if (line->kind[k] & TYPE)
            return true;
    return i == 0 && line->count > 2;
}

static void
add_street(NormalAddress *out, const Line *line)
{
    bool name = false;

    for (int i = 0; i < line->count; i++)
        if (is_name(line, i)) {
            add_street_word(out, line, i);
            name = true;
        } else if (is_saint(line, i))
            normal_add(&out->street, "saint", 5, NORMAL_WORD);
    for (int i = 0; !name && i < line->count; i++)
        normal_add(&out->street, line->piece[i].text, line->piece[i].length, NORMAL_WORD);
}

/* "PO box 12", "p o box 12": the box is the street. */
static void
take_box(Line *line)
{
    int from =
        line->count > 1 && normal_piece_is(&line->piece[0], "po") ? 1
        : line->count > 2 && normal_piece_is(&line->piece[0], "p") && normal_piece_is(&line->piece[1], "o")
            ? 2
            : 0;

    if (from == 0 || !normal_piece_is(&line->piece[from], "box"))
        return;
    take_out(line, 0, from);
    line->piece[0] = (NormalPiece){"pobox", 5};
    line->kind[0] = BOX;
}

/* "3/12 High Street" is unit 3: how many bytes to leave out. */
static size_t
unit_before_slash(const char *text, size_t length)
{
    size_t i = 0;

    while (i < length && is_digit(text[i]))
        i++;
    return i > 0 && i + 1 < length && text[i] == '/' && is_digit(text[i + 1]) ? i + 1 : 0;
}

/* Where the part ends that begins at from: a comma, a line, a dash between blanks. */
static size_t
part_end(const char *text, size_t length, size_t from)
{
    for (size_t i = from; i < length; i++)
        if (text[i] == ',' || text[i] == ';' || text[i] == '\n' ||
            (text[i] == ' ' && i + 2 < length && text[i + 1] == '-' && text[i + 2] == ' '))
            return i;
    return length;
}

/* Whether a line has both a number and a word that is a street's. */
static bool
is_complete(const Line *line)
{
    bool number = false;
    bool name = false;

    for (int i = 0; i < line->count; i++) {
        bool unit = i > 0 && (line->kind[i - 1] & (UNIT | WAY));

        number |= is_number(&line->piece[i]) && !unit;
        name |= line->piece[i].length > 1 && !is_number(&line->piece[i]) && !unit &&
                !(line->kind[i] & (UNIT | SMALL));
    }
    return number && name;
}

/* "c/o Smith": a part that names who is reached at the address. */
static bool
names_somebody(const char *text, size_t length)
{
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    return (length > 4 && strncasecmp(text, "c/o ", 4) == 0) ||
           (length > 5 && strncasecmp(text, "attn", 4) == 0 && strchr(" :.", text[4]) != NULL);
}

/* Reads one part behind what the line has; what stands behind "#" is a unit, whose number alone would be a word. */
static int
read_part(Line *line, const char *text, size_t length, char *folded)
{
    const char *mark = length > 1 ? memchr(text + 1, '#', length - 1) : NULL;
    int size = normal_fold(text, mark == NULL ? length : (size_t) (mark - text), folded);
    int before = line->count;

    line->count += normal_split(folded, size, line->piece + before, NORMAL_MAX_PIECES - before);
    look_up(line);
    /* "Flat 2/1": the second number is the flat's, too */
    if (line->count > before + 2 && (line->kind[before] & UNIT)) {
        int numbers = before + 1;

        while (numbers < line->count && is_number(&line->piece[numbers]))
            numbers++;
        if (numbers == line->count)
            line->count = before;
    }
    return size;
}

/* "10117 Berlin, Unter den Linden 77": whether a first part is a postcode and a town, and the next one the street. */
static bool
town_comes_first(const Line *line, const char *next, size_t length)
{
    char folded[NORMAL_MAX_FOLDED];
    Line street = {.count = 0};
    const NormalPiece *number;

    if (normal_piece_digits(&line->piece[0]) != 5 || line->piece[0].length != 5)
        return false;
    for (int i = 1; i < line->count; i++)
        if ((line->kind[i] & (TYPE | WAY | DIRECTION)) != 0 || is_number(&line->piece[i]))
            return false;
    read_part(&street, next, length, folded);
    if (street.count == 0 || !is_complete(&street))
        return false;
    number = is_number(&street.piece[0]) ? &street.piece[0] : &street.piece[street.count - 1];
    return is_number(number) && normal_piece_digits(number) < 4;
}

/* The words of the parts up to the one that completes street and number; folded has room for all of them. */
static void
read_line(Line *line, const char *text, size_t length, char *folded)
{
    size_t from = unit_before_slash(text, length);
    bool first = true;
    int used = 0;

    line->count = 0;
    while (from < length && used <= NORMAL_MAX_FOLDED) {
        size_t end = part_end(text, length, from);
        size_t next = end + 1;

        if (end < length && names_somebody(text + from, end - from)) {
            from = next;
            continue;
        }
        used += read_part(line, text + from, end - from, folded + used);
        if (is_complete(line)) {
            if (!first || next >= length ||
                !town_comes_first(line, text + next, part_end(text, length, next) - next))
                break;
            line->count = 0;
        }
        first = false;
        from = next;
    }
}

void
normal_address(const char *text, size_t length, NormalAddress *out)
{
    char folded[2 * NORMAL_MAX_FOLDED];
    Line line;

    pthread_once(&table_once, fill_table);
    out->street.used = out->street.count = 0;
    out->number_length = 0;
    out->direction = 0;
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    read_line(&line, text, length < NORMAL_MAX_TEXT ? length : NORMAL_MAX_TEXT, folded);
    take_box(&line);
    drop_no_number(&line);
    drop_units(&line);
    drop_postcode(&line);
    take_number(&line, out);
    take_direction(&line, out);
    add_street(out, &line);
}
