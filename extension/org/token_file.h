/*
 * token_file.h: the file with the keys of tokens, which only the server reads: crm.token_key_file.
 *
 * Asked at each use, it is read again where its stat changed, so that a key counts from the next statement on and
 * one taken away counts no more, in every session. A file that others could read or write, or with a line that is
 * no key, counts as empty; the server's log says why.
 */
#ifndef CRM_ORG_TOKEN_FILE_H
#define CRM_ORG_TOKEN_FILE_H

#include "postgres.h"
#include "utils/guc.h"

#include "org/token_key.h"

/* Defines the setting; from _PG_init. Where it is empty no token is good. */
extern void crm_token_file_init(GucStringCheckHook check);
/*
 * The keys that are live now: none where there is no usable file. Never raises. The version is another one whenever
 * the keys may be, and never 0. Good until the next call.
 */
extern const CrmTokenKeys *crm_token_file_keys(uint64 *version);
/* What is wrong with the file, a sentence for anybody; NULL where it is usable. As of the last call of the above. */
extern const char *crm_token_file_problem(void);

/*
 * To change the file: the keys as they stand, with nobody else changing them until the end of the transaction. Raises
 * on a standby, and where the file is there and cannot be used.
 */
extern const CrmTokenKeys *crm_token_file_open(void);
/* Replaces the file by these keys, durably and in one step. Not undone by a rollback. */
extern void crm_token_file_write(const CrmTokenKeys *keys);

#endif
