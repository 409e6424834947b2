/*
 * key_index.h: which records could mean the same as a given one: the keys of all records (linker_keys), for look-ups while people wait.
 *
 * A full run packs the keys of every record into link_block (key_pack.h), under a build of its own, so that readers keep the
 * old one until the switch. What changes later stands in link_key, one row a record, under a GIN index. What link_block says
 * of a changed record is out of date and does no harm: candidates are compared as they are now.
 */
#ifndef CRM_CUSTOMER_KEY_INDEX_H
#define CRM_CUSTOMER_KEY_INDEX_H

#include "postgres.h"
#include "fmgr.h"

#include "customer/key_tally.h"
#include "customer/linker.h"
#include "customer/model_store.h"

#define KEY_INDEX_MOST_HOLDERS 6000 /* that one look-up reads of all keys together */

/*
 * The records that share keys, most promising first, at most room of them; returns their number. Rare keys are asked first, and
 * no more records are looked at than a look-up has time for: a key that very many have tells little. Records of another kind
 * are left out, but for those that changed since. Inside of SPI.
 */
extern int key_index_find(const ModelInForce *model, const LinkKey *keys, int key_count, LinkKind kind,
                          KeyCandidate *candidates, int room);

extern Datum crm_key_index_build(PG_FUNCTION_ARGS);
/* link_keys(records bigint[]) SETOF (record_no bigint, keys integer[]) */
extern Datum crm_link_keys(PG_FUNCTION_ARGS);

#endif
