/*
 * number_array.h: SQL arrays of integers as C arrays and back. One dimension, no NULL; larger than 1 GB they cannot be.
 */
#ifndef CRM_CUSTOMER_NUMBER_ARRAY_H
#define CRM_CUSTOMER_NUMBER_ARRAY_H

#include "postgres.h"
#include "utils/array.h"

/* The elements, which may lie in the array itself; raises RM005 for more dimensions than one, and for a NULL. */
extern void *number_array_elements(ArrayType *array, int *count);
/* -1, 0 or 1, for qsort and bsearch over int64. */
extern int number_compare(const void *a, const void *b);
/* size is that of the type in bytes. */
extern ArrayType *number_array_make(const void *values, int count, Oid type, int size);

#endif
