// links: daemon/letter.c daemon/status.c
/* E-mails: people and bodies of any bytes make a message that ends once, where it ends, in lines as servers take them. */
#include "fuzz.h"
#include "letter.h"

static void
check_letter(const char *letter)
{
    size_t length = strlen(letter), line = 0;

    CHECK(length >= 5 && memcmp(letter + length - 5, "\r\n.\r\n", 5) == 0);
    CHECK(strstr(letter, "\r\n.\r\n") == letter + length - 5);
    CHECK(is_plain_ascii(letter, length));
    for (size_t i = 0; i < length; i++) {
        CHECK(letter[i] != '\n' || (i > 0 && letter[i - 1] == '\r'));
        CHECK(letter[i] != '\r' || letter[i + 1] == '\n');
        line = letter[i] == '\n' ? 0 : line + 1;
        CHECK(line <= 1000);
    }
}

TARGET(letter)
{
    struct Input input = {data, size};
    char *from = take_text(&input, 600, NULL), *to = take_text(&input, 2000, NULL),
         *endpoint = take_text(&input, 100, NULL), *id = take_text(&input, 100, NULL), *body, *letter = NULL;
    struct LetterPeople people = {0}, copy = {0};
    struct Problem problem = {""};

    body = take_text(&input, 100000, NULL);
    if (letter_read_from(&people, from, &problem) == STATUS_OK) {
        CHECK(people.from != NULL && is_plain_ascii(people.from, strlen(people.from)) &&
              !has_control(people.from, strlen(people.from)) && strpbrk(people.from, " <>") == NULL);
        if (letter_read_to(&people, to, &problem) == STATUS_OK) {
            CHECK(people.to_count > 0 && people.to_count <= LETTER_TO_MAX);
            for (size_t i = 0; i < people.to_count; i++)
                CHECK(is_plain_ascii(people.to[i], strlen(people.to[i])) &&
                      !has_control(people.to[i], strlen(people.to[i])) &&
                      strpbrk(people.to[i], " <>,") == NULL);
            CHECK(letter_copy_people(&copy, &people) == STATUS_OK && copy.to_count == people.to_count);
        }
    }
    letter_forget_from(&people);
    letter_forget_to(&people);
    letter_forget_from(&copy);
    letter_forget_to(&copy);
    CHECK(letter_read_from(&people, "Sales <a@example.com>", &problem) == STATUS_OK &&
          letter_read_to(&people, "b@example.com", &problem) == STATUS_OK);
    if (letter_write(&people, "deals", "0001", body, &letter, &problem) == STATUS_OK)
        check_letter(letter);
    free(letter);
    letter_forget_from(&people);
    letter_forget_to(&people);
    free(from);
    free(to);
    free(endpoint);
    free(id);
    free(body);
}
