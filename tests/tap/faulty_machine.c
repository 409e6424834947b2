/*
 * A machine that fails, for a process that is started with this library in LD_PRELOAD: a disk that fills up and a clock that is
 * set. Both follow files in the folder that FAULTY_MACHINE names, so that a test changes them while the process runs:
 *   full    while it is there, no file with /base/ in its name can grow (ENOSPC)
 *   wal     while it is there, none with /pg_wal/ in its name
 *   clock   a number of seconds by which the wall clock is off
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *
path_of(const char *name, char *path, size_t size)
{
    const char *folder = getenv("FAULTY_MACHINE");

    if (folder == NULL || (size_t) snprintf(path, size, "%s/%s", folder, name) >= size)
        return NULL;
    return path;
}

static int
is_there(const char *name)
{
    char path[512];

    return path_of(name, path, sizeof path) != NULL && access(path, F_OK) == 0;
}

/* Whether this file must not reach that far. */
static int
is_too_far(int fd, off_t end)
{
    int base = is_there("full"), wal = is_there("wal");
    char link[64], name[512];
    struct stat file;
    ssize_t length;

    if ((!base && !wal) || fstat(fd, &file) != 0 || end <= file.st_size)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, name, sizeof name - 1);
    if (length <= 0)
        return 0;
    name[length] = '\0';
    return (base && strstr(name, "/base/") != NULL) || (wal && strstr(name, "/pg_wal/") != NULL);
}

static off_t
total(const struct iovec *parts, int count)
{
    off_t length = 0;

    for (int i = 0; i < count; i++)
        length += (off_t) parts[i].iov_len;
    return length;
}

ssize_t
pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);

    if (real == NULL)
        *(void **) &real = dlsym(RTLD_NEXT, "pwrite");
    if (is_too_far(fd, at + (off_t) count)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, bytes, count, at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t count, off_t at)
{
    return pwrite(fd, bytes, count, at);
}

ssize_t
pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    static ssize_t (*real)(int, const struct iovec *, int, off_t);

    if (real == NULL)
        *(void **) &real = dlsym(RTLD_NEXT, "pwritev");
    if (is_too_far(fd, at + total(parts, count))) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, parts, count, at);
}

ssize_t
pwritev64(int fd, const struct iovec *parts, int count, off_t at)
{
    return pwritev(fd, parts, count, at);
}

int
posix_fallocate(int fd, off_t at, off_t count)
{
    static int (*real)(int, off_t, off_t);

    if (real == NULL)
        *(void **) &real = dlsym(RTLD_NEXT, "posix_fallocate");
    return is_too_far(fd, at + count) ? ENOSPC : real(fd, at, count);
}

int
posix_fallocate64(int fd, off_t at, off_t count)
{
    return posix_fallocate(fd, at, count);
}

static long
clock_offset_s(void)
{
    char path[512], digits[32] = "";
    int fd, saved = errno;

    if (path_of("clock", path, sizeof path) == NULL || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        errno = saved;
        return 0;
    }
    if (read(fd, digits, sizeof digits - 1) < 0)
        digits[0] = '\0';
    close(fd);
    errno = saved;
    return strtol(digits, NULL, 10);
}

int
clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;

    if (real == NULL)
        *(void **) &real = dlsym(RTLD_NEXT, "clock_gettime");
    result = real(id, now);
    if (id == CLOCK_REALTIME)
        now->tv_sec += clock_offset_s();
    return result;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;

    (void) zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t
time(time_t *result)
{
    struct timespec exact;

    clock_gettime(CLOCK_REALTIME, &exact);
    if (result != NULL)
        *result = exact.tv_sec;
    return exact.tv_sec;
}
