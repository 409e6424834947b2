/*
 * normal_date.c: dates as people and programs write them.
 */
#include "customer/normal_words.h"

#include <pthread.h>
#include <string.h>

#define MAX_GROUPS 3
#define PIVOT 30 /* a year of two digits from here on is of the 20th century */

/* Names of months, short and long, folded; the entry's kind is the month. */
/* clang-format off */
static const NormalEntry entries[] = {
    {"jan january januar janvier enero ene januari gennaio gen janeiro styczen stycznia janner ianuarie leden ledna tammikuu tammikuuta ocak января январь janv", NULL, 1},
    {"feb february februar fevrier fev fevr febrero februari febbraio fevereiro luty lutego februarie unor unora helmikuu helmikuuta subat февраля февраль", NULL, 2},
    {"mar march marz maerz mars marzo maart mrt marco marzec marca mrz martie brezen brezna marts maaliskuu maaliskuuta mart марта март marcius", NULL, 3},
    {"apr april avril avr abril abr aprile kwiecien kwietnia aprilie duben dubna huhtikuu huhtikuuta nisan апреля апрель aprilis", NULL, 4},
    {"may mai mayo mei maggio mag maio maj maja kveten kvetna toukokuu toukokuuta mayis мая маи majus", NULL, 5},
    {"jun june juni juin junio giugno giu junho czerwiec czerwca iunie cerven cervna kesakuu kesakuuta haziran июня июнь junius", NULL, 6},
    {"jul july juli juillet juil julio luglio lug julho lipiec lipca iulie cervenec cervence heinakuu heinakuuta temmuz июля июль julius", NULL, 7},
    {"aug august aout agosto ago augustus augusti sierpien sierpnia srpen srpna elokuu elokuuta agustos августа август augusztus", NULL, 8},
    {"sep sept september septembre septiembre settembre set setembro wrzesien wrzesnia septembrie zari syyskuu syyskuuta eylul сентября сентябрь szeptember", NULL, 9},
    {"oct october okt oktober octobre octubre ottobre ott outubro out pazdziernik pazdziernika octombrie rijen rijna lokakuu lokakuuta ekim октября октябрь", NULL, 10},
    {"nov november novembre noviembre novembro listopad listopada noiembrie marraskuu marraskuuta kasim ноября ноябрь", NULL, 11},
    {"dec december dez dezember decembre diciembre dic dicembre dezembro grudzien grudnia decembrie desember des prosinec prosince joulukuu joulukuuta aralik декабря декабрь", NULL, 12},
};
/* clang-format on */

static NormalSlot slots[1024];
static const NormalTable table = {entries, sizeof entries / sizeof entries[0], slots, 1024};
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

typedef struct Number {
    int value;
    int digits;
    char after; /* the character behind it */
} Number;

static void
fill_table(void)
{
    (void) normal_table_fill(&table);
}

static int
read_numbers(const char *text, size_t length, Number *number)
{
    int count = 0;

    for (size_t i = 0; i < length && count < MAX_GROUPS; i++) {
        Number read = {0, 0, 0};

        for (; i < length && text[i] >= '0' && text[i] <= '9'; i++, read.digits++)
            if (read.digits < 8)
                read.value = 10 * read.value + (text[i] - '0');
        if (read.digits == 0)
            continue;
        read.after = i < length ? text[i] : '\0';
        number[count++] = read;
    }
    return count;
}

static int
read_month(const char *text, size_t length)
{
    char folded[NORMAL_MAX_FOLDED];
    NormalPiece piece[8];
    int count = normal_split(folded, normal_fold(text, length < 64 ? length : 64, folded), piece, 8);

    pthread_once(&table_once, fill_table);
    for (int i = 0; i < count; i++) {
        unsigned place = 0;
        const NormalEntry *entry;
        int digits = normal_piece_digits(&piece[i]); /* "24dec1971" */

        while (piece[i].length > digits && piece[i].text[piece[i].length - 1] >= '0' &&
               piece[i].text[piece[i].length - 1] <= '9')
            piece[i].length--;
        entry = normal_table_find(&table, piece[i].text + digits, piece[i].length - digits, &place);
        if (entry != NULL)
            return (int) entry->kind;
    }
    return 0;
}

/* "24 Xyz 1971": what stands alone beside a year and is no month is the day of one whose name is not known. */
static int
known_month(int value)
{
    return value <= 12 ? value : 0;
}

static int
full_year(const Number *number)
{
    if (number->digits > 2)
        return number->value;
    return number->value + (number->value >= PIVOT ? 1900 : 2000);
}

static bool
is_year(int value)
{
    return value >= 1000 && value < 9999;
}

static bool
write_date(int year, int month, int day, char out[8])
{
    if (!is_year(year))
        return false;
    if (month == 1 && day == 1)
        month = day = 0;
    for (int i = 3; i >= 0; i--, year /= 10)
        out[i] = (char) ('0' + year % 10);
    out[4] = (char) ('0' + month / 10 % 10);
    out[5] = (char) ('0' + month % 10);
    out[6] = (char) ('0' + day / 10 % 10);
    out[7] = (char) ('0' + day % 10);
    return true;
}

/* "Dec 24, 1971", "24. Dezember 1971", "Dec 1971", "1971 Dec 24". */
static bool
with_month(int month, const Number *number, int count, char out[8])
{
    if (count == 0)
        return false;
    if (count == 1)
        return write_date(full_year(&number[0]), month, 0, out);
    if (number[0].digits >= 4)
        return write_date(number[0].value, month, number[1].value, out);
    return write_date(full_year(&number[1]), month, number[0].value, out);
}

/* Eight digits without separators: the year is first, unless it cannot be. */
static bool
eight_digits(int value, char out[8])
{
    int year = value / 10000;

    if (year >= 1300 && year <= 2199)
        return write_date(year, value / 100 % 100, value % 100, out);
    return write_date(value % 10000, value / 10000 % 100, value / 1000000, out);
}

static bool
three_numbers(const Number *number, char out[8])
{
    int day = number[0].value;
    int month = number[1].value;

    if (number[0].digits >= 3)
        return write_date(number[0].value, number[1].value, number[2].value, out);
    if (month > 12 && day <= 12) {
        day = number[1].value;
        month = number[0].value;
    }
    return write_date(full_year(&number[2]), month, day, out);
}

bool
normal_date(const char *text, size_t length, char out[8])
{
    char plain[NORMAL_MAX_TEXT];
    Number number[MAX_GROUPS];
    int month = 0;
    int count;

    length = normal_signs(text, length < NORMAL_MAX_TEXT ? length : NORMAL_MAX_TEXT, plain, sizeof plain);
    count = read_numbers(plain, length, number);
    for (size_t i = 0; i < length && month == 0; i++)
        if ((plain[i] >= 'A' && plain[i] <= 'Z') || (plain[i] >= 'a' && plain[i] <= 'z') ||
            (unsigned char) plain[i] >= 0x80) {
            month = read_month(plain, length);
            break;
        }
    if (month > 0)
        return with_month(month, number, count, out);
    if (count > 0 && number[0].digits == 8)
        return eight_digits(number[0].value, out);
    if (count == 3)
        return three_numbers(number, out);
    if (count == 2 && number[0].digits == 4)
        return write_date(number[0].value, known_month(number[1].value), 0, out);
    if (count == 2 && number[1].digits == 4)
        return write_date(number[1].value, known_month(number[0].value), 0, out);
    return count == 1 && number[0].digits == 4 && write_date(number[0].value, 0, 0, out);
}
