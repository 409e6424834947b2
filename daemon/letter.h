/*
 * letter.h: an e-mail as a server takes it: what the secrets file says in front of what the database wrote.
 *
 * The database writes a message from its date to its last line, in ASCII, with its thread at the very beginning. Sender, receivers and
 * the ids' domain are the operator's: they are put in front here, with what tells programs that no person wrote this. The same message
 * is the same bytes at each attempt. Pure.
 */
#ifndef CRMD_LETTER_H
#define CRMD_LETTER_H

#include <stddef.h>

#include "status.h"

#define LETTER_TO_MAX 50

/* Addresses are ASCII, local part and domain; LETTER_TO_MAX receivers at most. */
struct LetterPeople {
    char *from_name; /* UTF-8; NULL: none */
    char *from;
    char *to[LETTER_TO_MAX];
    size_t to_count;
};

/* `alerts@example.com` or `Sales alerts <alerts@example.com>`; receivers with commas or spaces between. */
enum Status letter_read_from(struct LetterPeople *people, const char *value,
                             struct Problem *problem) MUST_CHECK;
enum Status letter_read_to(struct LetterPeople *people, const char *value,
                           struct Problem *problem) MUST_CHECK;
enum Status letter_copy_people(struct LetterPeople *to, const struct LetterPeople *from) MUST_CHECK;
void letter_forget_from(struct LetterPeople *people);
void letter_forget_to(struct LetterPeople *people);

/*
 * The whole message with points doubled and the one that ends it, which the caller frees. STATUS_INVALID where the body is not such a
 * message: without its thread, with other bytes than ASCII, NUL apart, or with lines longer than e-mail has.
 */
enum Status letter_write(const struct LetterPeople *people, const char *endpoint, const char *message_id,
                         const char *body, char **letter, struct Problem *problem) MUST_CHECK;

#endif
