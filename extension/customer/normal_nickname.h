/*
 * normal_nickname.h: the tables behind normal_nicknames.
 *
 * Each entry is one group: a name, first, with its short and pet forms and its usual spellings, within one language or
 * neighbouring ones. A form that several names share (bert, sam, alex) stands in the group of each, so that robert and
 * albert have nothing in common though bert goes for both.
 */
#ifndef CRM_CUSTOMER_NORMAL_NICKNAME_H
#define CRM_CUSTOMER_NORMAL_NICKNAME_H

#include "customer/normal_words.h"

extern const NormalEntry normal_names_english[];
extern const int normal_names_english_count;
extern const NormalEntry normal_names_other[];
extern const int normal_names_other_count;

#endif
