/*
 * model_store.h: the linker's model as rows of link_model, link_parameter and link_frequency, and back.
 *
 * A session keeps the model in force and reads it again when another one is.
 */
#ifndef CRM_CUSTOMER_MODEL_STORE_H
#define CRM_CUSTOMER_MODEL_STORE_H

#include "postgres.h"
#include "fmgr.h"

#include "customer/link_model.h"
#include "customer/linker.h"

/* Reads the model of a version; raises where there is none. To be freed by link_model_free. Inside of SPI. */
extern LinkModel *model_load(int64 version);

typedef struct ModelInForce {
    int64 version;
    int64 build; /* of link_block, and how many bits of a key say its slot there (key_pack.h) */
    int bits;
    double records;   /* that it was fitted to */
    double changed;   /* that were linked since */
    double threshold; /* bits */
    LinkModel *model;
} ModelInForce;

/*
 * NULL where nothing was linked yet. It stays until the next call. Inside of SPI.
 *
 * Its frequencies are looked up in the table when they are asked for, and kept. What that raises is kept too, since the linker
 * cannot be left by an error: model_check raises it, and is to be called after whatever was done with the model.
 */
extern const ModelInForce *model_in_force(void);
/* What stands in for it before the first full run: what is usual of people and companies. It stays. */
extern const LinkModel *model_usual(void);
extern void model_check(void);

/* Called for each value and word that frequencies are looked up of, until model_in_force is called again. */
extern void model_watch(void (*seen)(void *context, int space, int64_t hash), void *context);
/* What link_frequency.kind says of a space. */
extern const char *model_space_name(int space);

extern Datum crm_model_save(PG_FUNCTION_ARGS);

#endif
