// links: daemon/address.c daemon/config.c daemon/listen.c daemon/nameserver.c daemon/inifile.c daemon/nearest.c daemon/schedule.c daemon/status.c
/* The configuration of crmd: any file is read or refused with a line of words. */
#include "fuzz.h"
#include "config.h"

TARGET(inifile)
{
    char *bytes = copy_bytes(data, size);
    FILE *file = size > 0 ? fmemopen(bytes, size, "r") : fopen("/dev/null", "r");
    struct Config config;
    struct Problem problem = {""};
    enum Status status;

    CHECK(file != NULL);
    memset(&config, 0, sizeof config);
    status = config_read_file(&config, file, "crmd.ini", &problem);
    if (status == STATUS_OK) {
        CHECK(config.secrets != NULL && config.worker != NULL && config.dsn != NULL);
        CHECK(config.poll_ms > 0 && config.max_parallel > 0 && config.timeout_s > 0 &&
              config.lease_s > config.timeout_s);
        CHECK(config.allow_networks.count >= 0 && config.allow_networks.count <= ADDRESS_NETWORKS_MAX);
    } else {
        CHECK(problem.text[0] != '\0' && memchr(problem.text, '\0', sizeof problem.text) != NULL);
        CHECK(strchr(problem.text, '\n') == NULL);
    }
    config_free(&config);
    fclose(file);
    free(bytes);
}
