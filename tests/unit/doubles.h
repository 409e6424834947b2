/*
 * doubles.h: comparing doubles. cmocka of Debian compares them as floats, and has this for whole numbers only.
 */
#ifndef CRM_UNIT_DOUBLES_H
#define CRM_UNIT_DOUBLES_H

#include <math.h>

#ifndef assert_double_equal
#define assert_double_equal(a, b, apart) assert_true(fabs((a) - (b)) <= (apart))
#endif

#endif
