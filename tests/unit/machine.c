// links: extension/alert/machine.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alert/machine.h"

#define HOLD 300000 /* five minutes */

/* Every phase with every reading, where a breach has to last: before it lasted, and once it did. */
static const struct {
    CrmRulePhase phase;
    CrmRuleReading reading;
    CrmRulePhase early, late;
} table[] = {
    {CRM_PHASE_OK, CRM_READING_NONE, CRM_PHASE_OK, CRM_PHASE_OK},
    {CRM_PHASE_OK, CRM_READING_CLEAR, CRM_PHASE_OK, CRM_PHASE_OK},
    {CRM_PHASE_OK, CRM_READING_BETWEEN, CRM_PHASE_OK, CRM_PHASE_OK},
    {CRM_PHASE_OK, CRM_READING_BREACH, CRM_PHASE_PENDING, CRM_PHASE_PENDING},
    {CRM_PHASE_PENDING, CRM_READING_NONE, CRM_PHASE_OK, CRM_PHASE_OK},
    {CRM_PHASE_PENDING, CRM_READING_CLEAR, CRM_PHASE_OK, CRM_PHASE_OK},
    {CRM_PHASE_PENDING, CRM_READING_BETWEEN, CRM_PHASE_OK, CRM_PHASE_OK},
    {CRM_PHASE_PENDING, CRM_READING_BREACH, CRM_PHASE_PENDING, CRM_PHASE_FIRING},
    {CRM_PHASE_FIRING, CRM_READING_NONE, CRM_PHASE_FIRING, CRM_PHASE_FIRING},
    {CRM_PHASE_FIRING, CRM_READING_CLEAR, CRM_PHASE_OK, CRM_PHASE_OK},
    {CRM_PHASE_FIRING, CRM_READING_BETWEEN, CRM_PHASE_FIRING, CRM_PHASE_FIRING},
    {CRM_PHASE_FIRING, CRM_READING_BREACH, CRM_PHASE_FIRING, CRM_PHASE_FIRING},
};

static void
test_every_step(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(crm_rule_step(table[i].phase, table[i].reading, 0, HOLD), table[i].early);
        assert_int_equal(crm_rule_step(table[i].phase, table[i].reading, HOLD - 1, HOLD), table[i].early);
        assert_int_equal(crm_rule_step(table[i].phase, table[i].reading, HOLD, HOLD), table[i].late);
        assert_int_equal(crm_rule_step(table[i].phase, table[i].reading, INT64_MAX, HOLD), table[i].late);
    }
}

static void
test_without_hold_fires_at_once(void **state)
{
    (void) state;
    assert_int_equal(crm_rule_step(CRM_PHASE_OK, CRM_READING_BREACH, 0, 0), CRM_PHASE_FIRING);
    assert_int_equal(crm_rule_step(CRM_PHASE_OK, CRM_READING_BREACH, 0, -1), CRM_PHASE_FIRING);
    /* hold_for was shortened while the rule was pending */
    assert_int_equal(crm_rule_step(CRM_PHASE_PENDING, CRM_READING_BREACH, 0, 0), CRM_PHASE_FIRING);
}

/* Whatever the past: after a reading without a number no rule newly fires, after a clear one none fires. */
static void
test_never_fires_without_a_number(void **state)
{
    (void) state;
    for (int phase = CRM_PHASE_OK; phase <= CRM_PHASE_FIRING; phase++)
        for (int64_t held = 0; held <= 2 * HOLD; held += HOLD) {
            CrmRulePhase after = crm_rule_step((CrmRulePhase) phase, CRM_READING_NONE, held, HOLD);

            assert_int_equal(after == CRM_PHASE_FIRING, phase == CRM_PHASE_FIRING);
            assert_int_equal(crm_rule_step((CrmRulePhase) phase, CRM_READING_CLEAR, held, HOLD),
                             CRM_PHASE_OK);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_without_hold_fires_at_once),
        cmocka_unit_test(test_never_fires_without_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
