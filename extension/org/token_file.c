/*
 * token_file.c: see token_file.h. Reading runs inside check hooks and therefore raises nothing; writing is a call of
 * an administrator.
 */
#include "base/compat.h"
#include "org/token_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "lib/stringinfo.h"
#include "storage/fd.h"
#include "storage/lmgr.h"
#include "utils/guc.h"

#define FILE_MAX 32768 /* bytes; 16 keys and much comment */

static char *key_file;

/* What stat said of the file that was read last. */
static struct stat seen;
static CrmTokenKeys live;
static uint64 live_version = 0;
static const char *problem = NULL;
static bool refused = false; /* it is there and cannot be used */

static void
assign_key_file(const char *newval, void *extra)
{
    memset(&seen, 0, sizeof seen);
    live.count = 0;
    problem = NULL;
}

void
crm_token_file_init(GucStringCheckHook check)
{
    DefineCustomStringVariable("crm.token_key_file", "File with the keys that crm.token is checked with.",
                               "A relative name is relative to the data directory.", &key_file,
                               "crm_token.keys", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check, assign_key_file,
                               NULL);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* By the rule that the server has for its own private key: the group may read what root owns. */
static bool
is_private(const struct stat *status)
{
    if (status->st_uid == 0 && geteuid() != 0)
        return (status->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) == 0;
    return status->st_uid == geteuid() && (status->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static void
refuse_file(const char *why)
{
    live.count = 0;
    refused = true;
    problem = "The key file cannot be used; the server's log says why.";
    ereport(LOG, errmsg("could not use key file \"%s\" of crm: %s", key_file, why));
}

static void
parse_file(const char *text, size_t length)
{
    const char *why;
    int line = crm_token_keys_parse(&live, text, length, &why);

    problem = NULL;
    if (line > 0) {
        char place[200];

        snprintf(place, sizeof place, "line %d: %s", line, why);
        refuse_file(place);
    } else if (live.count == 0)
        problem = "The key file has no key.";
}

/* `seen` becomes what was read, so that a file that is replaced meanwhile is read again next time. */
static void
read_file(int fd)
{
    static char text[FILE_MAX];
    ssize_t length;

    if (fstat(fd, &seen) != 0 || !S_ISREG(seen.st_mode)) {
        refuse_file("it is not a regular file");
        return;
    }
    if (!is_private(&seen)) {
        refuse_file("it must belong to the server's user with mode 0600, or to root with mode 0640, or less");
        return;
    }
    if (seen.st_size > FILE_MAX) {
        refuse_file("it is longer than 32 kB");
        return;
    }
    length = read(fd, text, FILE_MAX);
    if (length != seen.st_size)
        refuse_file("it could not be read whole");
    else
        parse_file(text, (size_t) length);
    explicit_bzero(text, sizeof text);
}

const CrmTokenKeys *
crm_token_file_keys(uint64 *version)
{
    struct stat status;
    bool exists = stat(key_file, &status) == 0;
    int fd;

    if (exists && live_version > 0 && same_file(&status, &seen)) {
        *version = live_version;
        return &live;
    }
    *version = ++live_version;
    memset(&seen, 0, sizeof seen);
    live.count = 0;
    refused = false;
    if (!exists) {
        problem = key_file[0] != '\0'
                      ? "The server has no key file for tokens."
                      : "Tokens are off in this session: crm.token_key_file is empty, or the connection "
                        "gave a setting that only the configuration may give.";
        return &live;
    }
    fd = S_ISREG(status.st_mode) ? BasicOpenFile(key_file, O_RDONLY | PG_BINARY) : -1;
    if (fd < 0) {
        if (errno == EACCES || !S_ISREG(status.st_mode))
            seen = status; /* said once: it stays so until the file is changed */
        refuse_file("it could not be opened, or is no regular file");
        return &live;
    }
    read_file(fd);
    close(fd);
    return &live;
}

const char *
crm_token_file_problem(void)
{
    return problem;
}

/* Writing */

static void
append_key(StringInfo text, const CrmTokenKey *key)
{
    char encoded[CRM_BASE64URL_LENGTH(CRM_TOKEN_SECRET_MAX) + 1];

    crm_base64url_encode(key->bytes, key->length, encoded);
    appendStringInfo(text, "%s %s %s\n", crm_token_algorithm_name(key->algorithm), key->id, encoded);
    explicit_bzero(encoded, sizeof encoded);
}

static void
write_bytes(const char *path, const char *text, int length)
{
    int fd = OpenTransientFilePerm(path, O_WRONLY | O_CREAT | O_TRUNC | PG_BINARY, S_IRUSR | S_IWUSR);

    if (fd < 0)
        ereport(ERROR, errcode_for_file_access(), errmsg("could not create file \"%s\": %m", path));
    errno = 0;
    if (write(fd, text, (size_t) length) != length) {
        if (errno == 0)
            errno = ENOSPC;
        ereport(ERROR, errcode_for_file_access(), errmsg("could not write file \"%s\": %m", path));
    }
    if (pg_fsync(fd) != 0)
        ereport(ERROR, errcode_for_file_access(), errmsg("could not fsync file \"%s\": %m", path));
    if (CloseTransientFile(fd) != 0)
        ereport(ERROR, errcode_for_file_access(), errmsg("could not close file \"%s\": %m", path));
}

const CrmTokenKeys *
crm_token_file_open(void)
{
    struct stat status;
    uint64 version;
    const CrmTokenKeys *keys;

    if (RecoveryInProgress())
        ereport(ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                errmsg("the key file cannot be changed on a standby"),
                errhint("Change it on the primary and copy it here."));
    if (key_file[0] == '\0')
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("there is no place for a key file"),
                errhint("Set crm.token_key_file in postgresql.conf."));
    /* One at a time in the whole server; the number is free, since extensions are no shared objects. */
    LockSharedObject(ExtensionRelationId, InvalidOid, 0, ExclusiveLock);
    if (lstat(key_file, &status) == 0 && S_ISLNK(status.st_mode))
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("the key file is a symbolic link"), errdetail("Another program manages it."),
                errhint("Put the new key where the link leads."));
    keys = crm_token_file_keys(&version);
    if (refused)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("the key file cannot be used"),
                errdetail("Its keys would be lost. The server's log says what is wrong with it."),
                errhint("Mend it, or take it away."));
    return keys;
}

void
crm_token_file_write(const CrmTokenKeys *keys)
{
    char *new_path = psprintf("%s.new", key_file);
    StringInfoData text;

    initStringInfo(&text);
    appendStringInfoString(
        &text, "# Keys of crm.token; the first HS256 key signs. Written by rotate_token_key().\n");
    for (int i = 0; i < keys->count; i++)
        append_key(&text, &keys->keys[i]);
    write_bytes(new_path, text.data, text.len);
    durable_rename(new_path, key_file, ERROR);
    explicit_bzero(text.data, (size_t) text.len);
}
