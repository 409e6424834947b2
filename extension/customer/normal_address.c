/*
 * normal_address.c: street, number and direction of an address line.
 *
 * Two orders are told apart by how the line begins: "12 High Street" (the number first, what follows the street's
 * name may be a town) and "Hauptstr. 12" (the number last, what follows it is a town).
 */
#include "customer/normal_words.h"

#include <pthread.h>
#include <string.h>

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
     "lot lote escalier esc scala bat batiment bldg building block blk shop level lvl no nr num numero", NULL, UNIT},
    {"floor fl flr stock og etage", NULL, UNIT | FLOOR},
    {"n north nth", "n", DIRECTION},
    {"s south sth", "s", DIRECTION},
    {"e east", "e", DIRECTION},
    {"w west", "w", DIRECTION},
    {"ne northeast", "n", DIRECTION},
    {"nw northwest", "n", DIRECTION},
    {"se southeast", "s", DIRECTION},
    {"sw southwest", "s", DIRECTION},
    {"the of de la le les du des del della dei den der het da do dos das am an auf im in zum zur", NULL, SMALL},
    {"al ak az ar ca co ct de dc fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt nv nh nj nm ny nc nd oh ok or pa ri sc sd "
     "tn tx ut vt va wa wv wi wy nsw vic qld tas act", NULL, STATE},
    {"pobox postfach postbus apartado boite", "pobox", BOX},
    {"first", "1st", 0}, {"second", "2nd", 0}, {"third", "3rd", 0}, {"fourth", "4th", 0}, {"fifth", "5th", 0},
    {"sixth", "6th", 0}, {"seventh", "7th", 0}, {"eighth", "8th", 0}, {"ninth", "9th", 0}, {"tenth", "10th", 0},
    {"mount", "mt", 0}, {"fort", "ft", 0}, {"saint sainte sankt sint", "saint", 0}, {"doctor doktor", "dr", 0},
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

    return digits > 0 && digits <= 6 && piece->length - digits <= 1;
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

/* "IL 60302", "60302", "SW1A 1AA", "1234 AB Town" at the end of a line that has a number in front of it. */
static void
drop_postcode(Line *line)
{
    int last = line->count - 1;
    const NormalPiece *piece = &line->piece[last];
    int digits = last < 0 ? 0 : normal_piece_digits(piece);

    if (last < 2)
        return;
    if (digits >= 4 && digits == piece->length) {
        line->count--;
        if (line->count > 2 && (line->kind[line->count - 1] & STATE))
            line->count--;
    } else if (piece->length == 3 && digits == 1 && !is_digit(piece->text[1]) && !is_digit(piece->text[2]) &&
               line->piece[last - 1].length <= 4 && !is_digit(line->piece[last - 1].text[0]) &&
               (is_digit(line->piece[last - 1].text[1]) ||
                (line->piece[last - 1].length > 2 && is_digit(line->piece[last - 1].text[2]))))
        line->count -= 2;
}

static void
keep_number(NormalAddress *out, const NormalPiece *piece)
{
    int digits = normal_piece_digits(piece);

    out->number_length = digits < (int) sizeof out->number ? digits : (int) sizeof out->number;
    memcpy(out->number, piece->text, (size_t) out->number_length);
}

/* Finds the house number, takes it out, and cuts off the town behind one that stands last. */
static void
take_number(Line *line, NormalAddress *out)
{
    int at = -1;

    if (line->count == 0)
        return;
    if (is_number(&line->piece[0]))
        at = 0;
    for (int i = 1; i < line->count && (at < 0 || at > 0); i++) {
        int digits = normal_piece_digits(&line->piece[i]);

        if (!is_number(&line->piece[i]) || (line->kind[i - 1] & WAY))
            continue;
        if (at > 0 && digits >= 4) { /* Hauptstr. 12 10115 Berlin */
            line->count = i;
            break;
        }
        at = i;
    }
    if (at < 0)
        return;
    keep_number(out, &line->piece[at]);
    take_out(line, at, 1);
    if (at < line->count && at > 0 && is_letter(&line->piece[at])) /* 12 a */
        take_out(line, at, 1);
    else if (at == 0 && line->count > 1 && is_letter(&line->piece[0]) && !(line->kind[0] & DIRECTION))
        take_out(line, 0, 1);
    if (at == 0 && line->count > 1 && is_number(&line->piece[0])) /* 12-14 */
        take_out(line, 0, 1);
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
    } else if (line->kind[last] & DIRECTION) {
        out->direction = line->entry[last]->to[0];
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

static void
add_street(NormalAddress *out, const Line *line)
{
    bool name = false;

    for (int i = 0; i < line->count; i++)
        if (is_name(line, i)) {
            add_street_word(out, line, i);
            name = true;
        } else if (i == 0 && line->count > 2 && normal_piece_is(&line->piece[i], "st") &&
                   is_name(line, i + 1)) {
            normal_add(&out->street, "saint", 5, NORMAL_WORD); /* St. Marys Road */
        }
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

void
normal_address(const char *text, size_t length, NormalAddress *out)
{
    char folded[NORMAL_MAX_FOLDED];
    Line line;

    pthread_once(&table_once, fill_table);
    out->street.used = out->street.count = 0;
    out->number_length = 0;
    out->direction = 0;
    line.count = normal_split(folded, normal_fold(text, length, folded), line.piece, NORMAL_MAX_PIECES);
    look_up(&line);
    take_box(&line);
    drop_units(&line);
    drop_postcode(&line);
    take_number(&line, out);
    take_direction(&line, out);
    add_street(out, &line);
}
