/*
 * normal.h: values as matching compares them.
 *
 * Plain C, nothing of Postgres. Texts are UTF-8, lengths explicit, nothing is allocated. Invalid UTF-8 is read byte for
 * byte as Latin-1, so that no value makes a run fail. Of longer texts the first NORMAL_MAX_TEXT bytes count.
 *
 * Everything here is for matching only: that two values are the same after it never makes them equal.
 */
#ifndef CRM_CUSTOMER_NORMAL_H
#define CRM_CUSTOMER_NORMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NORMAL_MAX_TEXT 1024
#define NORMAL_MAX_WORDS 24

typedef enum NormalRole {
    NORMAL_WORD,
    NORMAL_GIVEN,  /* stood in the given name, or first in a full name */
    NORMAL_FAMILY, /* stood in the family name, or last in a full name */
} NormalRole;

typedef struct NormalWord {
    const char *text; /* inside of the buffer; folded UTF-8, no NUL at the end */
    uint16_t length;  /* bytes */
    uint8_t role;
    bool initial; /* a single letter of a name */
} NormalWord;

typedef struct NormalWords {
    char buffer[3 * NORMAL_MAX_TEXT];
    int used;
    NormalWord word[NORMAL_MAX_WORDS]; /* each once, in the order of the text */
    int count;
} NormalWords;

/*
 * Letters without case and accents, ligatures and wide forms resolved, apostrophes deleted, everything that is no letter or digit
 * one blank, none at the ends: "Ångström-O'Neil & Co." is "angstrom oneil co". Digits of other scripts are written 0 to 9, Korean
 * syllables by their letters. out has room for 3 * NORMAL_MAX_TEXT bytes; returns the length.
 */
extern int normal_fold(const char *text, size_t length, char *out);

/*
 * A person's name is one set of words from full, given and family name (any may be NULL): titles (dr, mrs, jr, ing),
 * particles (van, de, von, zu, della, bin, also behind the name: "Berg, Jan van der"), German ranks (Graf), degrees with dots and
 * words that begin with a digit are dropped; "Lee, Ann" and "LEE Ann" are read as family name first, and so are Chinese, Japanese
 * and Korean names, which are parted where they are written without a blank.
 */
extern void normal_person(const char *given, size_t given_length, const char *family, size_t family_length,
                          const char *full, size_t full_length, NormalWords *out);

/* Groups of names that go for each other (robert, bob, rob): at most room ids are written, their number is returned. */
extern int normal_nicknames(const char *word, size_t length, uint16_t *groups, int room);

/* A company's words: legal forms dropped (also those that Asian names are written together with), runs of single letters joined (I.B.M.), usual abbreviations written out. */
extern void normal_company(const char *text, size_t length, NormalWords *out);
/* Any other text's words. */
extern void normal_text(const char *text, size_t length, NormalWords *out);

typedef struct NormalAddress {
    NormalWords
        street; /* street words; types (street, straat), units, directions, trailing postcodes are dropped */
    char number[12]; /* house number without letters, "" where there is none */
    int number_length;
    char direction; /* n, e, s, w or 0 */
} NormalAddress;
extern void normal_address(const char *text, size_t length, NormalAddress *out);

/*
 * Eight digits yyyymmdd, not validated (month 71 is a typing error), from ISO, 19711224, 24.12.1971, 24/12/71, "Dec 24, 1971",
 * 1971; parts that are not known are "00": of a year alone, and of 1 January, which is what systems write for "unknown".
 * False where no year can be read. Where day and month cannot be told apart the day is taken to be first, unless only the second
 * part is above 12. Digits of other scripts and names of months in some twenty languages are read.
 */
extern bool normal_date(const char *text, size_t length, char out[8]);

/*
 * Letters and digits in upper case, without a country in front (D-10115) and what stands behind an American five digits.
 * *outward and *area say how many characters of it are the coarser areas.
 */
extern int normal_postcode(const char *text, size_t length, char *out, int room, int *outward, int *area);
/* Letters and digits in upper case, leading zeros kept; 0 where nothing is left, or it is one character repeated. */
extern int normal_id(const char *text, size_t length, char *out, int room);
/*
 * Digits of the E.164 form where it can be read (with the country), else the digits as they stand; no extension. Of several
 * numbers the first; labels around it are left out. 0 where there is none, or one digit repeated.
 */
extern int normal_phone(const char *text, size_t length, const char *country, size_t country_length,
                        char *out, int room);
/* The match key of an address, of several the first, *at is the place of its '@'; 0 where there is none. */
extern int normal_email(const char *text, size_t length, char *out, int room, int *at);
/* The host of an address of the web, without www. and path. */
extern int normal_website(const char *text, size_t length, char *out, int room);

/* A code that is equal for words that sound alike; of a folded word. Returns its length, 0 for none. */
#define NORMAL_MAX_CODE 8
extern int normal_phonetic(const char *word, size_t length, char out[NORMAL_MAX_CODE]);

#endif
