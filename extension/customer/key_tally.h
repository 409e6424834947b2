/*
 * key_tally.h: which records share most with one that is looked for, by the lists of the records that have each of its keys.
 *
 * Plain C, nothing of Postgres. A record is told by key_pack_record: its number and its kind. Records of another kind
 * than the one that is looked for are passed over, as long as both are known.
 */
#ifndef CRM_CUSTOMER_KEY_TALLY_H
#define CRM_CUSTOMER_KEY_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "customer/linker.h"

/* The records of one key. The tally uses the list up. */
typedef struct KeyList {
    const int64_t *record; /* rising */
    const int64_t *end;
    uint32_t group; /* a record that is in more than one list of a group gets the bits of one of them */
    float bits;     /* what sharing the key tells */
} KeyList;

typedef struct KeyCandidate {
    int64_t record_no;
    double bits; /* the rarer what it shares, the more */
} KeyCandidate;

/* Room to work in: zeroed once, zeroed again after each call. */
#define KEY_TALLY_WINDOW 16384
typedef struct KeyTally {
    struct {
        float bits;
        uint32_t group; /* the last that it got bits of, from 1; 0: none */
    } place[KEY_TALLY_WINDOW];
    uint16_t touched[KEY_TALLY_WINDOW];
} KeyTally;

/*
 * Writes the most promising ones, those with most bits first, the lower number where these are equal; at most room of them.
 * Returns how many. The lists are put in order of their groups.
 */
extern int key_tally(KeyTally *tally, KeyList *lists, int count, LinkKind kind, KeyCandidate *candidates,
                     int room);

#endif
