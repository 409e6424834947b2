/*
 * key_index.h: which records could mean the same as a given one: the block keys of all records, for look-ups while people wait.
 *
 * A full run packs the keys of every record into link_block (key_pack.h), under a build of its own, so that readers keep the
 * old one until the switch. What changes later stands in link_key, one row a record, under a GIN index. What link_block says
 * of a changed record is out of date and does no harm: candidates are compared as they are now.
 */
#ifndef CRM_CUSTOMER_KEY_INDEX_H
#define CRM_CUSTOMER_KEY_INDEX_H

#include "postgres.h"
#include "fmgr.h"

#include "customer/linker.h"
#include "customer/model_store.h"

typedef struct KeyCandidate {
    int64 record_no;
    double bits; /* the rarer the keys that it shares, the more */
} KeyCandidate;

/* The records that share keys, most promising first, at most room of them; returns their number. Inside of SPI. */
extern int key_index_find(const ModelInForce *model, const int32 *keys, int key_count,
                          KeyCandidate *candidates, int room);

extern Datum crm_key_index_build(PG_FUNCTION_ARGS);

#endif
