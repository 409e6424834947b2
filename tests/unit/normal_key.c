// links: extension/customer/normal_fold.c extension/customer/normal_words.c extension/customer/normal_script.c extension/customer/normal_key.c extension/customer/normal_phonetic.c extension/customer/email_syntax.c extension/customer/phone_syntax.c extension/customer/phone_plan.c
/* Keys as matching compares them: postcodes, ids, websites, e-mail addresses, phone numbers and the sounds of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "customer/normal.h"

static char shown[100];

static const char *
postcode(const char *text)
{
    int outward, area;
    int length = normal_postcode(text, strlen(text), shown, 20, &outward, &area);

    snprintf(shown + length, 20, " %d %d", outward, area);
    return shown;
}

static const char *
id(const char *text)
{
    shown[normal_id(text, strlen(text), shown, 20)] = '\0';
    return shown;
}

static const char *
website(const char *text)
{
    shown[normal_website(text, strlen(text), shown, 60)] = '\0';
    return shown;
}

static const char *
email(const char *text)
{
    int at;
    int length = normal_email(text, strlen(text), shown, 60, &at);

    shown[length] = '\0';
    assert_true(length == 0 ? at == 0 : shown[at] == '@');
    return shown;
}

/* "country|phone" */
static const char *
phone(const char *text)
{
    const char *bar = strchr(text, '|');

    shown[normal_phone(bar + 1, strlen(bar + 1), bar == text ? NULL : text, (size_t) (bar - text), shown,
                       20)] = '\0';
    return shown;
}

static const char *
phonetic(const char *text)
{
    shown[normal_phonetic(text, strlen(text), shown)] = '\0';
    return shown;
}

static void
test_postcode(void **state)
{
    static const Case cases[] = {
        {"", " 0 0"},
        {"sw1a 1aa", "SW1A1AA 4 2"},
        {"M1 1AE", "M11AE 2 1"},
        {"SY5 7NT", "SY57NT 3 2"},
        {"1234 AB", "1234AB 4 2"},
        {"60302", "60302 3 2"},
        {"60302-1234", "60302 3 2"},
        {"60302.0", "60302 3 2"},
        {"D-10115", "10115 3 2"},
        {"NL-1234 AB", "1234AB 4 2"},
        {"2119", "2119 3 2"},
        {"K1A 0B1", "K1A0B1 3 1"},
        {"1000-205", "1000205 4 2"},
        {"01310-100", "01310100 5 2"},
        {"00-950", "00950 3 2"},
        {"150-0001", "1500001 3 2"},
        {"D", "D 1 1"},
        {"EC1A 1BB", "EC1A1BB 4 2"},
        {"６０３０２", "60302 3 2"},
        {"603021234", "60302 3 2"}, /* nine digits are a block of houses everywhere they are used */
        {"110 00", "11000 3 2"},
        {"DK-2100", "2100 3 2"},
        {"DE 50667", "50667 3 2"}, /* the country in front, without a dash */
        {"D 50667", "50667 3 2"},
        {"NL 1012 AB", "1012AB 4 2"},
        {"PL 00-950", "00950 3 2"},
        {"M 1 1AE", "M11AE 2 1"}, /* none */
        {"VLT 1117", "VLT1117 4 2"},
    };

    (void) state;
    EACH(cases, postcode);
}

static void
test_keys(void **state)
{
    static const Case ids[] = {
        {"12-345 a", "12345A"},
        {"0012", "0012"},
        {"DE 123.456.789", "DE123456789"},
        {"", ""},
        {"00000", ""},
        {"x", ""},
        {"---", ""},
        {"12345678901234567890123", "12345678901234567890"},
        {"é1", "E1"},
    };
    static const Case websites[] = {
        {"https://www.Example.com/x?y", "example.com"},
        {"www.example.com", "example.com"},
        {"example.com", "example.com"},
        {"HTTP://user:pw@example.com:8080/", "example.com"},
        {"example.co.uk.", "example.co.uk"},
        {"//", ""},
        {"n/a", ""},
        {"none", ""},
        {"", ""},
        {"  www.chicagocommons.org ", "chicagocommons.org"},
        {".", ""},
    };
    static const Case emails[] = {
        {"Ann.Lee@Example.com", "ann.lee@example.com"},
        {"J.Doe+news@GoogleMail.com", "jdoe@gmail.com"},
        {"mailto:ann@example.com", "ann@example.com"},
        {"ann", ""},
        {"", ""},
        {"a@b@c.com", ""},
        /* several, labels, names: the first that is one */
        {"ann@example.com, bob@example.com", "ann@example.com"},
        {"ann@example.com; bob@example.com", "ann@example.com"},
        {"ann@example.com bob@example.com", "ann@example.com"},
        {"ann@@x, bob@example.com", "bob@example.com"},
        {"Ann Lee <Ann@Example.com>", "ann@example.com"},
        {"ann@example.com (work)", "ann@example.com"},
        {"MAILTO:ann@example.com", "ann@example.com"},
        {"ann@example.com,", "ann@example.com"},
        {"ａｎｎ＠example.com", "ann@example.com"},
        {"ann+news@example.com", "ann+news@example.com"}, /* a company's own domain keeps dots and tags */
        {"a.n.n@example.com", "a.n.n@example.com"},
        {"@", ""},
        {"at home, @ann", ""},
    };
    static const Case phones[] = {
        {"US|(415) 555-0123", "14155550123"},
        {"|+1 415 555 0123", "14155550123"},
        {"US|+1 415 555 0123 ext 12", "14155550123"},
        {"DE|0171 5550123", "491715550123"},
        {"US|386-5286", "3865286"},
        {"|3865286", "3865286"},
        {"|386-5286 x12", "3865286"},
        {"XX|3865286", "3865286"},
        {"|", ""},
        {"|000-0000", ""},
        {"|none", ""},
        /* several, labels: the first */
        {"US|(415) 555-0123 / (415) 555-0199", "14155550123"},
        {"US|415-555-0123, 415-555-0199", "14155550123"},
        {"US|415.555.0123 or 415.555.0199", "14155550123"},
        {"DE|030 123456; 0171 5550123", "4930123456"},
        {"DE|030/123456", "4930123456"}, /* a slash is no second number here */
        {"FR|06 12 34 56 78 / 01 23 45 67 89", "33612345678"},
        {"FR|+33612345678+33123456789", "33612345678"},
        {"US|Tel: 415-555-0123", "14155550123"},
        {"US|(415) 555-0123 (home)", "14155550123"},
        {"US|４１５－５５５－０１２３", "14155550123"},
        {"US|4155550123.0", "14155550123"}, /* it was taken for a number */
        {"GB|+44 (0)20 7946 0958", "442079460958"},
        {"GB|0044 20 7946 0958", "442079460958"},
        {"GB|020 7946 0958", "442079460958"},
        {"IT|06 1234567", "39061234567"}, /* no trunk prefix there */
        {"RU|8 (916) 123-45-67", "79161234567"},
        {"US|1-415-555-0123", "14155550123"},
        {"US|12 34", "1234"},
    };

    (void) state;
    EACH(ids, id);
    EACH(websites, website);
    EACH(emails, email);
    EACH(phones, phone);
}

static void
test_phonetic(void **state)
{
    static const char *const alike[][2] = {
        {"schmidt", "schmitt"},
        {"meyer", "maier"},
        {"philipp", "filip"},
        {"thompson", "thomson"},
        {"geoffrey", "jeffrey"},
        {"catherine", "katharina"},
        {"stephens", "stevens"},
        {"wright", "rite"},
        {"knight", "night"},
        {"lamb", "lam"},
        {"cohen", "kohn"},
        {"yusuf", "joseph"},
        {"christian", "kristian"},
        {"иванов", "ivanov"},
        {"шевченко", "shevchenko"},
        {"чехов", "chekhov"},
        {"παπαδοπουλοσ", "papadopoulos"},
        {"zimmermann", "simerman"},
    };
    static const Case cases[] = {{"", ""},
                                 {"12", ""},
                                 {"東京", ""},
                                 {"anna", "an"},
                                 {"nunn", "nn"},
                                 {"bbbb", "b"},
                                 {"babababababababab", "bbbbbbbb"}};

    (void) state;
    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++) {
        char code[NORMAL_MAX_CODE + 1];

        snprintf(code, sizeof code, "%s", phonetic(alike[i][0]));
        assert_true(code[0] != '\0');
        assert_string_equal(phonetic(alike[i][1]), code);
    }
    EACH(cases, phonetic);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_postcode),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_phonetic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
