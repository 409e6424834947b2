/* report_style.h: the style sheet of a report's page. */
#ifndef CRMD_REPORT_STYLE_H
#define CRMD_REPORT_STYLE_H

extern const char report_style[];

#endif
