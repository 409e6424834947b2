/*
 * guard.h: the guard against dropping an extension that holds data; defines the setting crm.allow_drop.
 */
#ifndef CRM_BASE_GUARD_H
#define CRM_BASE_GUARD_H

extern void crm_guard_init(void);

#endif
