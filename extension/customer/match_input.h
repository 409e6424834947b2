/*
 * match_input.h: what a form's input says, as the linker reads it.
 */
#ifndef CRM_CUSTOMER_MATCH_INPUT_H
#define CRM_CUSTOMER_MATCH_INPUT_H

#include "postgres.h"
#include "utils/jsonb.h"

#include "customer/linker.h"

/*
 * Reads an object of attributes, each a text or a number, and kind, in the words that teams use for it. Raises RM001 for another
 * attribute and RM005 for another shape, also for NULL. Inside of SPI.
 */
extern void match_input_read(Jsonb *attributes, LinkInput *input);

#endif
