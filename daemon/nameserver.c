#include "nameserver.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT "53"

static bool
is_port(const char *word)
{
    size_t length = strlen(word);
    long port = strtol(word, NULL, 10);

    return length > 0 && length <= 5 && strspn(word, "0123456789") == length && port > 0 && port <= 65535;
}

/* Parts a word into address and port, in place. */
static bool
part(char *word, char **address, const char **port)
{
    char *end = NULL, *colon = strchr(word, ':');

    *address = word;
    *port = PORT;
    if (word[0] == '[') {
        *address = word + 1;
        end = strchr(word, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        if (end[1] == ':')
            *port = end + 2;
        *end = '\0';
    } else if (colon != NULL &&
               strchr(colon + 1, ':') == NULL) { /* more than one colon: IPv6 without a port */
        *port = colon + 1;
        *colon = '\0';
    }
    return is_port(*port);
}

/* Appends one server; false where the word is none. */
static bool
append(char *list, char *word)
{
    char *address;
    const char *port;
    unsigned char bytes[16];
    size_t length = strlen(list);
    bool v6;

    if (strlen(word) > 54 || !part(word, &address, &port))
        return false;
    v6 = inet_pton(AF_INET6, address, bytes) == 1;
    if (!v6 && (word[0] == '[' || inet_pton(AF_INET, address, bytes) != 1))
        return false;
    snprintf(list + length, NAMESERVERS_LIST_MAX - length, "%s%s%s%s:%s", length > 0 ? "," : "",
             v6 ? "[" : "", address, v6 ? "]" : "", port);
    return true;
}

enum Status
nameserver_read(const char *text, char list[NAMESERVERS_LIST_MAX], struct Problem *problem)
{
    char *copy = strdup(text), *rest = copy, *word;
    enum Status status = copy == NULL ? STATUS_MEMORY : STATUS_OK;
    int count = 0;

    list[0] = '\0';
    while (status == STATUS_OK && (word = strsep(&rest, ", \t")) != NULL) {
        char said[61];

        if (*word == '\0')
            continue;
        snprintf(said, sizeof said, "%s", word);
        if (++count > NAMESERVERS_MAX) {
            problem_set(problem, "more than %d servers", NAMESERVERS_MAX);
            status = STATUS_INVALID;
        } else if (!append(list, word)) {
            problem_set(problem, "\"%s\" is no address such as 10.0.0.53, 127.0.0.1:5353 or [fd00::53]:53",
                        said);
            status = STATUS_INVALID;
        }
    }
    free(copy);
    return status;
}
