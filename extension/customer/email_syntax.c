/*
 * email_syntax.c: see email_syntax.h.
 */
#include "customer/email_syntax.h"

#include <string.h>

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* RFC 5322 atext, and everything outside ASCII. */
static bool
is_atext(unsigned char c)
{
    return c >= 0x80 || is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/*
 * Characters that cannot be seen, or that change how their neighbours are shown: an address with one looks
 * like another. Malformed UTF-8 counts too; a server never hands that over.
 */
static bool
has_invisible(const unsigned char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        unsigned char c = text[i];
        size_t more = c < 0x80 ? 0 : c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        unsigned int code = more == 0 ? c : c & (0x3Fu >> more);

        if (i + more >= length || (c >= 0x80 && c < 0xC2) || c > 0xF4)
            return true;
        for (size_t k = 1; k <= more; k++) {
            if ((text[i + k] & 0xC0) != 0x80)
                return true;
            code = code << 6 | (text[i + k] & 0x3Fu);
        }
        if ((code >= 0x80 && code <= 0xA0) || code == 0xAD || code == 0x1680 ||
            (code >= 0x2000 && code <= 0x200F) || (code >= 0x2028 && code <= 0x202F) ||
            (code >= 0x205F && code <= 0x206F) || code == 0x3000 || code == 0xFEFF ||
            (code >= 0xFFF0 && code <= 0xFFFF) || (code >= 0xE0000 && code <= 0xE0FFF))
            return true;
        i += more + 1;
    }
    return false;
}

static EmailFault
check_local(const char *local, size_t length)
{
    if (length == 0)
        return EMAIL_LOCAL_EMPTY;
    if (local[0] == '"')
        return EMAIL_QUOTED_LOCAL;
    if (length > EMAIL_MAX_LOCAL)
        return EMAIL_LOCAL_LONG;
    if (local[0] == '.' || local[length - 1] == '.')
        return EMAIL_LOCAL_DOT;
    for (size_t i = 0; i < length; i++) {
        if (local[i] == '.' && local[i - 1] == '.')
            return EMAIL_LOCAL_DOT;
        if (local[i] != '.' && !is_atext((unsigned char) local[i]))
            return EMAIL_LOCAL_CHARACTER;
    }
    return EMAIL_OK;
}

static EmailFault
check_label(const char *label, size_t length)
{
    if (length == 0 || length > EMAIL_MAX_LABEL || label[0] == '-' || label[length - 1] == '-')
        return EMAIL_DOMAIN_LABEL;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char) label[i];

        if (c < 0x80 && c != '-' && !is_alnum(c))
            return EMAIL_DOMAIN_CHARACTER;
    }
    return EMAIL_OK;
}

static EmailFault
check_domain(const char *domain, size_t length)
{
    size_t start = 0;
    size_t last = 0;
    bool numeric = true;

    if (length == 0)
        return EMAIL_DOMAIN_EMPTY;
    if (domain[0] == '[')
        return EMAIL_DOMAIN_LITERAL;
    for (size_t i = 0; i <= length; i++) {
        EmailFault fault;

        if (i < length && domain[i] != '.')
            continue;
        fault = check_label(domain + start, i - start);
        if (fault != EMAIL_OK)
            return fault;
        last = start;
        start = i + 1;
    }
    if (last == 0)
        return EMAIL_DOMAIN_NO_DOT;
    for (size_t i = last; i < length; i++)
        numeric = numeric && domain[i] >= '0' && domain[i] <= '9';
    return numeric ? EMAIL_DOMAIN_NUMERIC : EMAIL_OK;
}

EmailFault
email_syntax_parse(const char *text, size_t length, bool utf8, char *out, size_t *out_length)
{
    const char *at;
    size_t local;
    EmailFault fault;

    while (length > 0 && is_blank(text[0])) {
        text++;
        length--;
    }
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    if (length == 0)
        return EMAIL_EMPTY;
    if (text[length - 1] == '>')
        return EMAIL_DISPLAY_NAME;
    at = memchr(text, '@', length);
    if (at == NULL)
        return EMAIL_NO_AT;
    local = (size_t) (at - text);
    if (text[0] != '"' && memchr(at + 1, '@', length - local - 1) != NULL)
        return EMAIL_TWO_AT;
    if ((fault = check_local(text, local)) != EMAIL_OK ||
        (fault = check_domain(at + 1, length - local - 1)) != EMAIL_OK)
        return fault;
    if (length > EMAIL_MAX_LENGTH)
        return EMAIL_LONG;
    if (utf8 && has_invisible((const unsigned char *) text, length))
        return EMAIL_INVISIBLE;
    memcpy(out, text, local + 1);
    for (size_t i = local + 1; i < length; i++)
        out[i] = lower(text[i]);
    *out_length = length;
    return EMAIL_OK;
}

const char *
email_syntax_fault(EmailFault fault)
{
    static const char *const faults[] = {
        [EMAIL_OK] = "It is valid.",
        [EMAIL_EMPTY] = "It is empty.",
        [EMAIL_NO_AT] = "It has no \"@\".",
        [EMAIL_TWO_AT] = "It has more than one \"@\".",
        [EMAIL_DISPLAY_NAME] = "It ends in \">\", as an address with a display name does.",
        [EMAIL_QUOTED_LOCAL] = "The part before the \"@\" is quoted.",
        [EMAIL_LOCAL_EMPTY] = "There is nothing before the \"@\".",
        [EMAIL_LOCAL_LONG] = "The part before the \"@\" is longer than 64 bytes.",
        [EMAIL_LOCAL_DOT] = "The part before the \"@\" begins or ends with a dot, or has two in a row.",
        [EMAIL_LOCAL_CHARACTER] = "The part before the \"@\" has a character that an address cannot have.",
        [EMAIL_DOMAIN_EMPTY] = "There is nothing after the \"@\".",
        [EMAIL_DOMAIN_LITERAL] = "The part after the \"@\" is an IP address in brackets.",
        [EMAIL_DOMAIN_NO_DOT] = "The domain has no dot.",
        [EMAIL_DOMAIN_LABEL] =
            "A part of the domain between dots is empty, longer than 63 bytes, or begins or ends "
            "with a hyphen.",
        [EMAIL_DOMAIN_CHARACTER] = "The domain has a character other than letters, digits, hyphens and dots.",
        [EMAIL_DOMAIN_NUMERIC] = "The last part of the domain is a number.",
        [EMAIL_LONG] = "It is longer than 254 bytes.",
        [EMAIL_INVISIBLE] = "It has an invisible character: a blank, a control or a direction mark.",
    };

    return faults[fault];
}

const char *
email_syntax_hint(EmailFault fault)
{
    switch (fault) {
    case EMAIL_EMPTY:
        return "Store NULL where there is no address.";
    case EMAIL_TWO_AT:
        return "Give one address; keep further ones in rows of their own.";
    case EMAIL_DISPLAY_NAME:
        return "Give only what stands between \"<\" and \">\".";
    case EMAIL_QUOTED_LOCAL:
        return "Quoted addresses are not supported; leave the quotes out where the name needs none.";
    case EMAIL_DOMAIN_LITERAL:
    case EMAIL_DOMAIN_NUMERIC:
        return "Give the domain's name.";
    case EMAIL_DOMAIN_NO_DOT:
        return "Write the domain in full, as in ann@example.com.";
    case EMAIL_LOCAL_CHARACTER:
    case EMAIL_DOMAIN_CHARACTER:
    case EMAIL_INVISIBLE:
        return "Look for blanks, commas and characters that came along when it was copied.";
    default:
        return "An address looks like ann@example.com.";
    }
}

int
email_syntax_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t common = a_length < b_length ? a_length : b_length;

    for (size_t i = 0; i < common; i++) {
        unsigned char x = (unsigned char) lower(a[i]);
        unsigned char y = (unsigned char) lower(b[i]);

        if (x != y)
            return x < y ? -1 : 1;
    }
    return a_length == b_length ? 0 : a_length < b_length ? -1 : 1;
}

void
email_syntax_fold(const char *address, size_t length, char *out)
{
    for (size_t i = 0; i < length; i++)
        out[i] = lower(address[i]);
}

size_t
email_syntax_at(const char *address, size_t length)
{
    const char *at = memchr(address, '@', length);

    return at == NULL ? length : (size_t) (at - address);
}

/* What a provider does with the local part, as its own help pages say. */
typedef struct Provider {
    const char *domain;
    const char *canonical;
    char tag;  /* what begins a tag, or 0 */
    bool dots; /* dots make no difference */
} Provider;

static const Provider providers[] = {
    {"gmail.com", "gmail.com", '+', true},        {"googlemail.com", "gmail.com", '+', true},
    {"outlook.com", "outlook.com", '+', false},   {"hotmail.com", "hotmail.com", '+', false},
    {"live.com", "live.com", '+', false},         {"icloud.com", "icloud.com", '+', false},
    {"me.com", "icloud.com", '+', false},         {"mac.com", "icloud.com", '+', false},
    {"fastmail.com", "fastmail.com", '+', false}, {"fastmail.fm", "fastmail.fm", '+', false},
    {"proton.me", "proton.me", '+', false},       {"protonmail.com", "proton.me", '+', false},
    {"pm.me", "proton.me", '+', false},           {"yandex.ru", "yandex.ru", '+', false},
    {"yandex.com", "yandex.ru", '+', false},      {"posteo.de", "posteo.de", '+', false},
    {"mailbox.org", "mailbox.org", '+', false},   {"runbox.com", "runbox.com", '+', false},
};

static const Provider *
find_provider(const char *domain, size_t length)
{
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
        if (strlen(providers[i].domain) == length && memcmp(providers[i].domain, domain, length) == 0)
            return &providers[i];
    return NULL;
}

size_t
email_syntax_match_key(const char *address, size_t length, char *out)
{
    size_t at = email_syntax_at(address, length);
    const Provider *provider = find_provider(address + at + 1, length - at - 1);
    size_t used = 0;

    if (provider == NULL) {
        email_syntax_fold(address, length, out);
        return length;
    }
    for (size_t i = 0; i < at; i++) {
        if (i > 0 && address[i] == provider->tag)
            break;
        if (address[i] != '.' || !provider->dots)
            out[used++] = lower(address[i]);
    }
    out[used++] = '@';
    memcpy(out + used, provider->canonical, strlen(provider->canonical));
    return used + strlen(provider->canonical);
}
