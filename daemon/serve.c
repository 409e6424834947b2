#include "serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"

#define MEMORY_OF_CONNECTION (16 * 1024)
#define WAIT_MAX_MS 60000

static void
drive(void *arg)
{
    struct Serve *serve = arg;
    MHD_UNSIGNED_LONG_LONG wait;

    (void) MHD_run(serve->server);
    if (MHD_get_timeout(serve->server, &wait) == MHD_YES)
        loop_timer_in(&serve->timer, wait < WAIT_MAX_MS ? (int64_t) wait : WAIT_MAX_MS);
    else
        loop_timer_off(&serve->timer);
}

static void
on_ready(void *arg, int fd, uint32_t events)
{
    (void) fd;
    (void) events;
    drive(arg);
}

/* Made here, since newer releases of the library lose why they could not. -1, errno says why. */
static int
listening(const struct sockaddr_storage *address)
{
    socklen_t size =
        address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1, why;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, (const struct sockaddr *) (const void *) address, size) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    why = errno;
    if (fd >= 0)
        (void) close(fd);
    errno = why;
    return -1;
}

enum Status
serve_open(struct Serve *serve, struct Loop *loop, const struct ServeSettings *settings,
           struct Problem *problem)
{
    struct sockaddr_storage address;
    const union MHD_DaemonInfo *info = NULL;
    int fd;

    if (!listen_address(settings->address, &address)) {
        problem_set(problem, "%s is no address of this machine: 127.0.0.1:PORT or [::1]:PORT",
                    settings->option);
        return STATUS_INVALID;
    }
    serve->server = NULL;
    errno = 0;
    fd = listening(&address);
    if (fd >= 0) /* which is the library's from here on */
        serve->server = MHD_start_daemon(
            MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u), 0,
            NULL, NULL, settings->handle, settings->arg, MHD_OPTION_LISTEN_SOCKET, fd,
            MHD_OPTION_NOTIFY_COMPLETED, settings->done, settings->arg, MHD_OPTION_CONNECTION_LIMIT,
            settings->connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) MEMORY_OF_CONNECTION,
            MHD_OPTION_CONNECTION_TIMEOUT, settings->timeout_s, MHD_OPTION_END);
    if (serve->server != NULL)
        info = MHD_get_daemon_info(serve->server, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || info->epoll_fd < 0 ||
        loop_watch(loop, info->epoll_fd, LOOP_READ, on_ready, serve) != STATUS_OK) {
        problem_set(problem, "%s: cannot listen at %s: %s", settings->option, settings->address,
                    errno != 0 ? strerror(errno) : "no memory");
        if (serve->server != NULL)
            MHD_stop_daemon(serve->server);
        serve->server = NULL;
        return STATUS_SYSTEM;
    }
    serve->loop = loop;
    serve->watched_fd = info->epoll_fd;
    serve->timer.due = drive;
    serve->timer.arg = serve;
    loop_timer_add(loop, &serve->timer);
    return STATUS_OK;
}

void
serve_close(struct Serve *serve)
{
    if (serve->server == NULL)
        return;
    loop_timer_off(&serve->timer);
    loop_unwatch(serve->loop, serve->watched_fd);
    MHD_stop_daemon(serve->server);
    serve->server = NULL;
}

void
serve_soon(struct Serve *serve)
{
    loop_timer_in(&serve->timer, 0);
}

enum MHD_Result
serve_answer(struct MHD_Connection *connection, unsigned status, const char *body, size_t length,
             const struct ServeHeader *headers, const char *allow)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, (void *) (uintptr_t) body, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = response == NULL ? MHD_NO : MHD_YES;

    for (; result == MHD_YES && headers->name != NULL; headers++)
        result = MHD_add_response_header(response, headers->name, headers->value);
    if (result == MHD_YES && status == 405)
        result = MHD_add_response_header(response, "Allow", allow);
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    if (response != NULL)
        MHD_destroy_response(response);
    return result;
}
