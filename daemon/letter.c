#include "letter.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_MAX 254
#define LOCAL_MAX 64
#define LABEL_MAX 63
#define NAME_MAX_BYTES 200
#define LINE_MAX_BYTES 998
#define WORD_BYTES 39 /* 52 characters of base64, in a line of 76 */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define THREAD_BEFORE "References: <"
#define THREAD_AFTER "@{domain}>\r\n"

/* Atoms with single points between. */
static bool
is_local(const char *text, size_t length)
{
    if (length == 0 || length > LOCAL_MAX || text[0] == '.' || text[length - 1] == '.')
        return false;
    for (size_t i = 0; i < length; i++)
        if (strchr(LETTERS "!#$%&'*+-/=?^_`{|}~.", text[i]) == NULL || (text[i] == '.' && text[i + 1] == '.'))
            return false;
    return true;
}

static bool
is_domain(const char *text)
{
    while (true) {
        size_t length = strspn(text, LETTERS "-");

        if (length == 0 || length > LABEL_MAX || text[0] == '-' || text[length - 1] == '-')
            return false;
        if (text[length] == '\0')
            return true;
        if (text[length] != '.')
            return false;
        text += length + 1;
    }
}

static bool
is_address(const char *text)
{
    const char *at = strrchr(text, '@');

    return at != NULL && strlen(text) <= ADDRESS_MAX && is_local(text, (size_t) (at - text)) &&
           is_domain(at + 1);
}

void
letter_forget_from(struct LetterPeople *people)
{
    free(people->from_name);
    free(people->from);
    people->from_name = people->from = NULL;
}

void
letter_forget_to(struct LetterPeople *people)
{
    while (people->to_count > 0)
        free(people->to[--people->to_count]);
}

enum Status
letter_copy_people(struct LetterPeople *to, const struct LetterPeople *from)
{
    memset(to, 0, sizeof *to);
    to->from = from->from == NULL ? NULL : strdup(from->from);
    to->from_name = from->from_name == NULL ? NULL : strdup(from->from_name);
    if ((from->from != NULL && to->from == NULL) || (from->from_name != NULL && to->from_name == NULL))
        return STATUS_MEMORY;
    for (; to->to_count < from->to_count; to->to_count++)
        if ((to->to[to->to_count] = strdup(from->to[to->to_count])) == NULL)
            return STATUS_MEMORY;
    return STATUS_OK;
}

static void
trim(char **begin, char *end)
{
    while (**begin == ' ' || **begin == '\t')
        (*begin)++;
    while (end > *begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
}

/* A display name without its quotes; "" where there is none. */
static bool
read_name(char *name, char **kept)
{
    size_t length;

    trim(&name, name + strlen(name));
    length = strlen(name);
    if (length >= 2 && name[0] == '"' && name[length - 1] == '"') {
        name[length - 1] = '\0';
        name++;
    }
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char) *c < ' ' || *c == 0x7f || *c == '"' || *c == '\\' || *c == '<' || *c == '>')
            return false;
    if (strlen(name) > NAME_MAX_BYTES)
        return false;
    *kept = name[0] == '\0' ? NULL : name;
    return true;
}

enum Status
letter_read_from(struct LetterPeople *people, const char *value, struct Problem *problem)
{
    char *copy = strdup(value), *address = copy, *name = NULL, *open;
    enum Status status = STATUS_INVALID;
    size_t length = strlen(value);
    bool good;

    if (copy == NULL)
        return STATUS_MEMORY;
    trim(&address, copy + length);
    good = true;
    open = strrchr(address, '<');
    if (open != NULL && address[strlen(address) - 1] == '>') {
        *open = '\0';
        good = read_name(address, &name);
        address = open + 1;
        address[strlen(address) - 1] = '\0';
    }
    if (!good || !is_address(address))
        problem_set(problem, "from is no address such as alerts@example.com or Alerts <alerts@example.com>");
    else {
        letter_forget_from(people);
        people->from = strdup(address);
        people->from_name = name == NULL ? NULL : strdup(name);
        status =
            people->from == NULL || (name != NULL && people->from_name == NULL) ? STATUS_MEMORY : STATUS_OK;
    }
    free(copy);
    return status;
}

enum Status
letter_read_to(struct LetterPeople *people, const char *value, struct Problem *problem)
{
    char *copy = strdup(value), *rest = copy, *word;
    enum Status status = copy == NULL ? STATUS_MEMORY : STATUS_OK;

    letter_forget_to(people);
    while (status == STATUS_OK && (word = strsep(&rest, ", \t")) != NULL) {
        if (*word == '\0')
            continue;
        if (people->to_count == LETTER_TO_MAX || !is_address(word)) {
            problem_set(problem,
                        people->to_count == LETTER_TO_MAX
                            ? "to has more than %d addresses; use a list's address"
                            : "to has something else than addresses such as anna@example.com (at most %d)",
                        LETTER_TO_MAX);
            status = STATUS_INVALID;
        } else if ((people->to[people->to_count] = strdup(word)) == NULL)
            status = STATUS_MEMORY;
        else
            people->to_count++;
    }
    if (status == STATUS_OK && people->to_count == 0) {
        problem_set(problem, "to is empty");
        status = STATUS_INVALID;
    }
    free(copy);
    return status;
}

/* A name as a phrase: quoted, or where it is not ASCII in encoded words of whole characters (RFC 2047). */
static void
write_name(FILE *out, const char *name)
{
    size_t length = strlen(name), step;
    bool ascii = true;

    for (size_t i = 0; i < length; i++)
        ascii = ascii && (unsigned char) name[i] <= '~';
    if (ascii && length <= WORD_BYTES && strstr(name, "=?") == NULL) {
        fprintf(out, "\"%s\"", name);
        return;
    }
    for (size_t at = 0; at < length; at += step) {
        unsigned char base64[2 * WORD_BYTES];

        step = length - at < WORD_BYTES ? length - at : WORD_BYTES;
        while (step > 1 && at + step < length && ((unsigned char) name[at + step] & 0xc0) == 0x80)
            step--;
        (void) EVP_EncodeBlock(base64, (const unsigned char *) name + at, (int) step);
        fprintf(out, "%s=?UTF-8?B?%s?=", at > 0 ? "\r\n " : "", (const char *) base64);
    }
}

static void
write_head(FILE *out, const struct LetterPeople *people, const char *endpoint, const char *message_id,
           const char *thread, int thread_length)
{
    const char *domain = strrchr(people->from, '@') + 1;

    fputs("From: ", out);
    if (people->from_name != NULL) {
        write_name(out, people->from_name);
        fputs("\r\n ", out);
    }
    fprintf(out, "<%s>\r\nTo: ", people->from);
    for (size_t i = 0; i < people->to_count; i++)
        fprintf(out, "%s%s", i > 0 ? ",\r\n " : "", people->to[i]);
    fprintf(out, "\r\nMessage-ID: <%s@%s>\r\n", message_id, domain);
    fprintf(out, "In-Reply-To: <%.*s@%s>\r\nReferences: <%.*s@%s>\r\n", thread_length, thread, domain,
            thread_length, thread, domain);
    fputs("List-Id: <", out);
    for (const char *c = endpoint; *c != '\0'; c++)
        fputc(strchr(LETTERS, *c) != NULL ? *c : '-', out);
    fprintf(out, ".crm.%s>\r\nAuto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n", domain);
}

/* Lines end in CR LF, whatever ended them before: a line's end that only some servers see would begin another message. */
static bool
write_lines(FILE *out, const char *body)
{
    while (*body != '\0') {
        size_t length = strcspn(body, "\r\n");

        if (length > LINE_MAX_BYTES)
            return false;
        for (size_t i = 0; i < length; i++)
            if (body[i] != '\t' && (body[i] < ' ' || body[i] > '~'))
                return false;
        fprintf(out, "%s%.*s\r\n", body[0] == '.' ? "." : "", (int) length, body);
        body += length;
        if (body[0] == '\r' && body[1] == '\n')
            body++;
        if (*body != '\0')
            body++;
    }
    return true;
}

enum Status
letter_write(const struct LetterPeople *people, const char *endpoint, const char *message_id,
             const char *body, char **letter, struct Problem *problem)
{
    const char *thread = body + strlen(THREAD_BEFORE);
    size_t length = 0, thread_length;
    FILE *out;
    bool good;

    *letter = NULL;
    thread_length =
        strncmp(body, THREAD_BEFORE, strlen(THREAD_BEFORE)) == 0 ? strspn(thread, LETTERS "-.") : 0;
    if (thread_length == 0 || thread_length > 200 ||
        strncmp(thread + thread_length, THREAD_AFTER, strlen(THREAD_AFTER)) != 0) {
        problem_set(problem, "the body is no e-mail: it does not begin with its thread");
        return STATUS_INVALID;
    }
    out = open_memstream(letter, &length);
    if (out == NULL)
        return STATUS_MEMORY;
    write_head(out, people, endpoint, message_id, thread, (int) thread_length);
    good = write_lines(out, thread + thread_length + strlen(THREAD_AFTER));
    fputs(".\r\n", out);
    if (fclose(out) != 0) {
        free(*letter);
        *letter = NULL;
        return STATUS_MEMORY;
    }
    if (!good) {
        free(*letter);
        *letter = NULL;
        problem_set(problem, "the body is no e-mail: it has a byte or a line that e-mail does not have");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}
