#include "status.h"

#include <stdarg.h>
#include <stdio.h>

void
problem_set(struct Problem *problem, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
}
