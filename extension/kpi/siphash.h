/*
 * siphash.h: SipHash-2-4 with a result of 128 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). Plain C.
 *
 * With a key that nobody knows two different values have the same hash with a chance of 2 to the power of -128, whoever chose them.
 */
#ifndef CRM_KPI_SIPHASH_H
#define CRM_KPI_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_BYTES 16 /* of the key, and of the hash */

extern void crm_siphash(const uint8_t *key, const void *data, size_t length, uint8_t *hash);

#endif
