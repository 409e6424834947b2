/*
 * phone_syntax.c: see phone_syntax.h.
 *
 * Two steps: read the text into digits (Written), then make an international number of them.
 */
#include "customer/phone_syntax.h"

#include <string.h>
#include <strings.h>

/* Room to say "too long" about a number with a trunk prefix and an international prefix in front. */
#define MAX_WRITTEN 32

typedef struct Written {
    bool plus;
    bool zero_in_parentheses; /* "(0)" stood at offset zero_at of digits; the zero is not in digits */
    size_t zero_at;
    size_t count;
    char digits[MAX_WRITTEN];
    size_t extension_count;
    char extension[PHONE_MAX_EXTENSION];
} Written;

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * Length of the separator that text begins with, 0 where it is none. Outside ASCII: the no-break blanks,
 * hyphens, dashes and direction marks that word processors and address books put into numbers, in UTF-8.
 */
static size_t
separator(const char *text, size_t length)
{
    const unsigned char *c = (const unsigned char *) text;

    if (strchr(" \t.-/()", text[0]) != NULL && text[0] != '\0')
        return 1;
    if (length >= 2 && c[0] == 0xC2 && c[1] == 0xA0)
        return 2;
    if (length >= 3 && c[0] == 0xE2 && c[1] == 0x80 &&
        ((c[2] >= 0x80 && c[2] <= 0x95) || (c[2] >= 0xA8 && c[2] <= 0xAF)))
        return 3;
    if (length >= 3 && c[0] == 0xE2 && c[1] == 0x88 && c[2] == 0x92)
        return 3;
    return 0;
}

/* Length of the word that announces an extension, 0 where text does not begin with one. */
static size_t
extension_word(const char *text, size_t length)
{
    static const char *const words[] = {";ext=", "extension", "ext.", "ext", "x", "#"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i]);

        if (length >= size && strncasecmp(text, words[i], size) == 0)
            return size;
    }
    return 0;
}

static PhoneFault
read_extension(const char *text, size_t length, Written *written)
{
    size_t i = 0;

    while (i < length && strchr(" .:=", text[i]) != NULL)
        i++;
    for (; i < length; i++) {
        if (!is_digit(text[i]) || written->extension_count == PHONE_MAX_EXTENSION)
            return PHONE_EXTENSION;
        written->extension[written->extension_count++] = text[i];
    }
    return written->extension_count > 0 ? PHONE_OK : PHONE_EXTENSION;
}

static PhoneFault
read_digits(const char *text, size_t length, Written *written)
{
    size_t step;

    for (size_t i = 0; i < length; i += step) {
        step = 1;
        if (is_digit(text[i])) {
            if (written->count == MAX_WRITTEN)
                return PHONE_LONG;
            written->digits[written->count++] = text[i];
        } else if (length - i >= 3 && memcmp(text + i, "(0)", 3) == 0 && written->count > 0 &&
                   !written->zero_in_parentheses) {
            written->zero_in_parentheses = true;
            written->zero_at = written->count;
            step = 3;
        } else if ((step = separator(text + i, length - i)) > 0) {
            continue;
        } else if (text[i] == '+' && written->count == 0 && !written->plus) {
            written->plus = true;
            step = 1;
        } else if (written->count > 0 && (step = extension_word(text + i, length - i)) > 0) {
            return read_extension(text + i + step, length - i - step, written);
        } else {
            return is_letter(text[i]) ? PHONE_LETTER : PHONE_CHARACTER;
        }
    }
    return written->count > 0 ? PHONE_OK : PHONE_EMPTY;
}

static size_t
code_length(const PhonePlan *plan)
{
    return plan->code < 10 ? 1 : plan->code < 100 ? 2 : 3;
}

/*
 * Takes a trunk prefix after the calling code off: "+44 020 ..." for "+44 20 ...". Only one that begins with zero, since
 * other trunk digits can begin a national number; and all of them, so that what is kept reads as itself.
 */
static size_t
drop_trunk(const PhonePlan *plan, char *number, size_t count)
{
    char *national = number + code_length(plan);

    while (count > code_length(plan) && national[0] == '0') {
        size_t rest = count - code_length(plan);
        size_t trunk = phone_plan_trunk(plan, national, rest);

        if (trunk == 0)
            break;
        memmove(national, national + trunk, rest - trunk);
        count -= trunk;
    }
    return count;
}

/* Checks the digits of an international number and writes "+", them and the extension. */
static PhoneFault
finish(const Written *written, char *number, size_t count, char *out, size_t *out_length)
{
    const PhonePlan *plan = phone_plan_code(number, count);
    size_t used = 0;

    if (plan == NULL)
        return PHONE_CODE;
    count = drop_trunk(plan, number, count);
    if (plan->code == 1 && count != 11)
        return PHONE_NORTH_AMERICA;
    if (count < PHONE_MIN_DIGITS)
        return PHONE_SHORT;
    if (count > PHONE_MAX_DIGITS)
        return PHONE_LONG;
    out[used++] = '+';
    memcpy(out + used, number, count);
    used += count;
    if (written->extension_count > 0) {
        memcpy(out + used, ";ext=", 5);
        used += 5;
        memcpy(out + used, written->extension, written->extension_count);
        used += written->extension_count;
    }
    *out_length = used;
    return PHONE_OK;
}

/* skip digits at the front are an international prefix. */
static PhoneFault
make_international(const Written *written, size_t skip, char *out, size_t *out_length)
{
    char number[MAX_WRITTEN + 1];
    size_t count = written->count - skip;
    const PhonePlan *plan;

    memcpy(number, written->digits + skip, count);
    plan = phone_plan_code(number, count);
    /* where no trunk prefix is dialled, a zero in parentheses belongs to the number: +39 (0)6 ... */
    if (written->zero_in_parentheses && plan != NULL && plan->trunk[0] == '\0' &&
        written->zero_at == skip + code_length(plan)) {
        char *national = number + code_length(plan);

        memmove(national + 1, national, count - code_length(plan));
        national[0] = '0';
        count++;
    }
    return finish(written, number, count, out, out_length);
}

static PhoneFault
make_from_national(const Written *written, const PhonePlan *country, char *out, size_t *out_length)
{
    char national[MAX_WRITTEN + 1];
    char number[MAX_WRITTEN + 4];
    size_t count = 0;
    size_t trunk;
    size_t first = code_length(country);

    for (size_t i = 0; i <= written->count; i++) {
        if (written->zero_in_parentheses && written->zero_at == i)
            national[count++] = '0';
        if (i < written->count)
            national[count++] = written->digits[i];
    }
    trunk = phone_plan_trunk(country, national, count);
    /* 1 and 8 are ordinary digits as well: there they are the trunk prefix only where a digit is too many */
    if ((country->code == 1 || country->code == 7) && count != 11)
        trunk = 0;
    for (size_t i = first, rest = (size_t) country->code; i > 0; i--, rest /= 10)
        number[i - 1] = (char) ('0' + rest % 10);
    memcpy(number + first, national + trunk, count - trunk);
    return finish(written, number, first + count - trunk, out, out_length);
}

PhoneFault
phone_syntax_parse(const char *text, size_t length, const PhonePlan *country, char *out, size_t *out_length)
{
    Written written = {0};
    PhoneFault fault;

    while (length > 0 && strchr(" \t\n\r", text[0]) != NULL && text[0] != '\0') {
        text++;
        length--;
    }
    while (length > 0 && strchr(" \t\n\r", text[length - 1]) != NULL && text[length - 1] != '\0')
        length--;
    if (length >= 4 && strncasecmp(text, "tel:", 4) == 0) {
        text += 4;
        length -= 4;
    }
    fault = read_digits(text, length, &written);
    if (fault != PHONE_OK)
        return fault;
    if (written.plus)
        return make_international(&written, 0, out, out_length);
    if (written.count > 2 && memcmp(written.digits, "00", 2) == 0)
        return make_international(&written, 2, out, out_length);
    if (country == NULL)
        return PHONE_NATIONAL;
    if (country->code == 1 && written.count > 11 && memcmp(written.digits, "011", 3) == 0)
        return make_international(&written, 3, out, out_length);
    return make_from_national(&written, country, out, out_length);
}

const char *
phone_syntax_fault(PhoneFault fault)
{
    static const char *const faults[] = {
        [PHONE_OK] = "It is valid.",
        [PHONE_EMPTY] = "It has no digits.",
        [PHONE_CHARACTER] = "It has a character that a phone number cannot have.",
        [PHONE_LETTER] = "It has letters.",
        [PHONE_EXTENSION] = "What follows the number is no extension of 1 to 11 digits.",
        [PHONE_NATIONAL] = "It has no calling code, so nothing tells the country.",
        [PHONE_CODE] = "It begins with a calling code that is not assigned.",
        [PHONE_SHORT] = "It has fewer than 7 digits, calling code included.",
        [PHONE_LONG] = "It has more than 15 digits, calling code included.",
        [PHONE_NORTH_AMERICA] = "A number of calling code 1 has ten digits after it.",
    };

    return faults[fault];
}

const char *
phone_syntax_hint(PhoneFault fault)
{
    switch (fault) {
    case PHONE_EMPTY:
        return "Store NULL where there is no number.";
    case PHONE_LETTER:
        return "Write the digits that the letters stand for, and an extension as in +14155550123 ext 12.";
    case PHONE_EXTENSION:
        return "Write an extension as in +14155550123 ext 12.";
    case PHONE_NATIONAL:
        return "Write it as in +14155550123, or name the country: phone('(415) 555-0123', 'US').";
    default:
        return "Write it with its calling code, as in +14155550123.";
    }
}

size_t
phone_syntax_main(const char *phone, size_t length)
{
    const char *end = memchr(phone, ';', length);

    return end == NULL ? length : (size_t) (end - phone);
}
