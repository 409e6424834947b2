/* One program of all targets: which one it is says the name that it is called by. */
#include "fuzz.h"

#define TARGET_NAME(name) void fuzz_##name(const uint8_t *data, size_t size);
#include "targets.h"
#undef TARGET_NAME

static const struct {
    const char *name;
    void (*run)(const uint8_t *data, size_t size);
} targets[] = {
#define TARGET_NAME(name) {#name, fuzz_##name},
#include "targets.h"
#undef TARGET_NAME
};
static void (*run)(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *count, char ***arguments)
{
    const char *path = (*arguments)[0], *slash = strrchr(path, '/');

    (void) count;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        if (strcmp(targets[i].name, slash == NULL ? path : slash + 1) == 0)
            run = targets[i].run;
    if (run == NULL) {
        fprintf(stderr, "no target is named as %s\n", path);
        exit(2);
    }
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(data, size);
    return 0;
}
