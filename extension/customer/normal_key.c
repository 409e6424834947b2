/*
 * normal_key.c: values that are compared as strings of characters: postcodes, numbers, addresses of mail and web.
 */
#include "customer/email_syntax.h"
#include "customer/normal_words.h"
#include "customer/phone_syntax.h"

#include <string.h>
#include <strings.h>

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
one_character(const char *text, int length)
{
    for (int i = 1; i < length; i++)
        if (text[i] != text[0])
            return false;
    return true;
}

static bool
only_digits(const char *text, int length)
{
    for (int i = 0; i < length; i++)
        if (!is_digit(text[i]))
            return false;
    return true;
}

/* Letters and digits in upper case. Other letters than English ones count as far as they fold to those. */
static int
letters_and_digits(const char *text, size_t length, char *out, int room)
{
    char folded[NORMAL_MAX_FOLDED];
    int folded_length = normal_fold(text, length, folded);
    int count = 0;

    for (int i = 0; i < folded_length && count < room; i++)
        if (folded[i] != ' ')
            out[count++] = (char) (folded[i] >= 'a' && folded[i] <= 'z' ? folded[i] - 'a' + 'A' : folded[i]);
    while (count > 0 && count == room && ((unsigned char) out[count - 1] & 0xC0) == 0x80)
        count--; /* no half of a character at the end */
    return count;
}

/* How many of a postcode's characters say the district and the region, by its shape. */
static void
postcode_areas(const char *code, int length, int hyphen, int *outward, int *area)
{
    int digits = 0;
    int letters = 0;

    while (letters < length && is_letter(code[letters]))
        letters++;
    for (int i = 0; i < length; i++)
        digits += is_digit(code[i]);
    if (letters >= 1 && letters <= 2 && length >= 5 && length <= 7 && is_digit(code[length - 3]) &&
        is_letter(code[length - 2]) && is_letter(code[length - 1])) { /* SW1A 1AA */
        *outward = length - 3;
        *area = letters;
    } else if (length == 6 && digits == 4 && is_letter(code[4]) && is_letter(code[5])) { /* 1234 AB */
        *outward = 4;
        *area = 2;
    } else if (length == 6 && digits == 3 && letters == 1) { /* K1A 0B1 */
        *outward = 3;
        *area = 1;
    } else if (length == 7 && hyphen == 4) { /* 1234-567 */
        *outward = 4;
        *area = 2;
    } else if (length == 8 && digits == 8) { /* 12345-678 */
        *outward = 5;
        *area = 2;
    } else {
        *outward = length <= 4 ? length - length / 3 : length == digits ? 3 : (length + 1) / 2;
        *area = length <= 2 ? 1 : 2;
    }
}

/*
 * D-10115, NL 1012 AB: how many bytes the country in front takes. Behind a blank there must be four digits: the parts of
 * a British or Canadian code have fewer, and Malta's begin with three letters of their own.
 */
static size_t
country_in_front(const char *text, size_t length)
{
    size_t letters = 0;
    size_t start;
    int digits = 0;

    while (letters < length && !is_digit(text[letters]) && text[letters] != '-' && text[letters] != ' ')
        letters++;
    if (letters < 1 || letters > 3 || letters == length)
        return 0;
    start = letters + 1;
    if (text[letters] == '-')
        return start < length && is_digit(text[start]) ? start : 0;
    for (size_t i = start; i < length; i++)
        digits += is_digit(text[i]);
    return letters <= 2 && start < length && is_digit(text[start]) && digits >= 4 ? start : 0;
}

int
normal_postcode(const char *text, size_t length, char *out, int room, int *outward, int *area)
{
    const char *mark;
    size_t front;
    int count;

    *outward = *area = 0;
    if (length > NORMAL_MAX_TEXT)
        length = NORMAL_MAX_TEXT;
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    front = country_in_front(text, length);
    text += front;
    length -= front;
    mark = memchr(text, '-', length);
    if (length > 2 && memcmp(text + length - 2, ".0", 2) == 0) /* it was taken for a number */
        length -= 2;
    count = letters_and_digits(text, length, out, room);
    /* 60302-1234 is a block of houses in 60302; nobody else's has nine digits */
    if (count == 9 && ((mark != NULL && mark - text == 5) || only_digits(out, count)))
        count = 5;
    if (count > 0)
        postcode_areas(out, count, mark == NULL ? -1 : (int) (mark - text), outward, area);
    return count;
}

int
normal_id(const char *text, size_t length, char *out, int room)
{
    int count = letters_and_digits(text, length, out, room);

    return one_character(out, count) ? 0 : count;
}

static bool
is_phone_sign(char c)
{
    return is_digit(c) || strchr("+()-./ \t", c) != NULL;
}

/* The first run of signs that a number has which holds digits enough: what stands around is a label, or another number. */
static size_t
first_number(const char *text, size_t length, size_t *run)
{
    for (size_t i = 0; i < length; i++) {
        size_t start = i;
        int digits = 0;

        for (; i < length && text[i] != '\0' && is_phone_sign(text[i]); i++)
            digits += is_digit(text[i]);
        if (digits >= PHONE_MIN_DIGITS) {
            *run = i - start;
            while (strchr("( .-/", text[start + *run - 1]) != NULL)
                --*run;
            return start;
        }
    }
    *run = length;
    return 0;
}

/* Where one number stands behind another: up to a slash, a dash or two blanks with digits enough before it. */
static size_t
before_second(const char *text, size_t length)
{
    int digits = 0;

    for (size_t i = 0; i < length; i++) {
        if (digits >= PHONE_MIN_DIGITS && (text[i] == '/' || text[i] == '+'))
            return i;
        digits += is_digit(text[i]);
    }
    return length;
}

static bool
parse_phone(const char *text, size_t length, const PhonePlan *plan, char *phone, size_t *phone_length)
{
    return phone_syntax_parse(text, length, plan, phone, phone_length) == PHONE_OK;
}

int
normal_phone(const char *text, size_t length, const char *country, size_t country_length, char *out, int room)
{
    char plain[NORMAL_MAX_TEXT];
    char phone[PHONE_MAX_LENGTH];
    size_t phone_length;
    size_t run;
    const PhonePlan *plan = country == NULL ? NULL : phone_plan_country(country, country_length);
    int count = 0;

    length = normal_signs(text, length < NORMAL_MAX_TEXT ? length : NORMAL_MAX_TEXT, plain, sizeof plain);
    text = plain;
    if (length > 2 && memcmp(text + length - 2, ".0", 2) == 0) /* it was taken for a number */
        length -= 2;
    if (!parse_phone(text, length, plan, phone, &phone_length)) {
        text += first_number(text, length, &run);
        length = run;
        if (!parse_phone(text, length, plan, phone, &phone_length)) {
            length = before_second(text, length);
            if (!parse_phone(text, length, plan, phone, &phone_length))
                phone_length = 0;
        }
    }
    if (phone_length > 0) {
        text = phone;
        length = phone_syntax_main(phone, phone_length);
    }
    for (size_t i = 0; i < length && count < room; i++)
        if (is_digit(text[i]))
            out[count++] = text[i];
    return one_character(out, count) ? 0 : count;
}

/* The first address among several, with names or labels around them. */
static bool
find_address(const char *text, size_t length, char *address, size_t *address_length)
{
    for (size_t i = 0; i < length; i++) {
        size_t start = i;

        while (i < length && (unsigned char) text[i] > ' ' && strchr(",;|/<>()[]\"", text[i]) == NULL)
            i++;
        if (i - start > 7 && strncasecmp(text + start, "mailto:", 7) == 0)
            start += 7;
        if (memchr(text + start, '@', i - start) != NULL &&
            email_syntax_parse(text + start, i - start, true, address, address_length) == EMAIL_OK)
            return true;
    }
    return false;
}

int
normal_email(const char *text, size_t length, char *out, int room, int *at)
{
    char plain[NORMAL_MAX_TEXT];
    char address[EMAIL_MAX_LENGTH];
    char key[EMAIL_MAX_LENGTH];
    size_t address_length;
    int count;

    *at = 0;
    length = normal_signs(text, length < NORMAL_MAX_TEXT ? length : NORMAL_MAX_TEXT, plain, sizeof plain);
    if (email_syntax_parse(plain, length, true, address, &address_length) != EMAIL_OK &&
        !find_address(plain, length, address, &address_length))
        return 0;
    count = (int) email_syntax_match_key(address, address_length, key);
    if (count > room)
        return 0;
    memcpy(out, key, (size_t) count);
    *at = (int) email_syntax_at(key, (size_t) count);
    return count;
}

int
normal_website(const char *text, size_t length, char *out, int room)
{
    const char *end;
    const char *mark;
    bool dot = false;
    int count = 0;

    if (length > NORMAL_MAX_TEXT)
        length = NORMAL_MAX_TEXT;
    end = text + length;
    while (text < end && (unsigned char) *text <= ' ')
        text++;
    for (mark = text; mark + 2 < end; mark++)
        if (memcmp(mark, "://", 3) == 0) {
            text = mark + 3;
            break;
        }
    for (mark = text; mark < end && *mark != '/' && *mark != '?' && *mark != '#'; mark++)
        if (*mark == '@') /* a user before it */
            text = mark + 1;
    if (end - text > 4 && (text[0] | 32) == 'w' && (text[1] | 32) == 'w' && (text[2] | 32) == 'w' &&
        text[3] == '.')
        text += 4;
    for (; text < end && count < room && (unsigned char) *text > ' ' && strchr("/?#:,;", *text) == NULL;
         text++) {
        dot |= *text == '.' && count > 0;
        out[count++] = (char) (*text >= 'A' && *text <= 'Z' ? *text + 32 : *text);
    }
    while (count > 0 && out[count - 1] == '.')
        count--;
    return dot && memchr(out, '.', (size_t) count) != NULL ? count : 0;
}
