/*
 * entities.h: made-up persons and organisations, and the records that departments write of them.
 */
#ifndef CRM_BENCH_ENTITIES_H
#define CRM_BENCH_ENTITIES_H

#include "words.h"

typedef enum Value {
    GIVEN,
    FAMILY,
    COMPANY,
    EMAIL,
    PHONE,
    ADDRESS,
    POSTCODE,
    CITY,
    BIRTH_DATE,
    TAX_ID,
    GENDER,
    JOB,
    VALUES
} Value;

typedef struct Entity {
    bool organisation;
    int language;
    char value[VALUES][WORD_ROOM];
} Entity;

/* The address, the landline and the family name that a household shares; of an organisation, its seat. */
typedef struct Home {
    int language;
    char family[WORD_ROOM];
    char phone[WORD_ROOM];
    char address[WORD_ROOM];
    char postcode[WORD_ROOM];
    char city[WORD_ROOM];
} Home;

extern void make_home(Random *random, Home *home);
extern void make_person(Random *random, const Home *home, Entity *entity);
/* The son of a father of one name, born 22 to 40 years later. */
extern void make_son(Random *random, const Entity *father, Entity *entity);
extern void make_organisation(Random *random, Entity *entity);

/* How much goes wrong between the entity and a record; 1 is usual. */
extern void write_record(Random *random, const Entity *entity, double errors, bool first, Entity *record);

#endif
