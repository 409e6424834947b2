// links: extension/alert/machine.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alert/machine.h"

#define HOLD 300000 /* five minutes */
#define CLEAR 120000

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
        assert_int_equal(crm_rule_step(table[i].phase, table[i].reading, 0, HOLD, 0), table[i].early);
        assert_int_equal(crm_rule_step(table[i].phase, table[i].reading, HOLD - 1, HOLD, 0), table[i].early);
        assert_int_equal(crm_rule_step(table[i].phase, table[i].reading, HOLD, HOLD, 0), table[i].late);
        assert_int_equal(crm_rule_step(table[i].phase, table[i].reading, INT64_MAX, HOLD, 0), table[i].late);
    }
}

static void
test_without_hold_fires_at_once(void **state)
{
    (void) state;
    assert_int_equal(crm_rule_step(CRM_PHASE_OK, CRM_READING_BREACH, 0, 0, 0), CRM_PHASE_FIRING);
    assert_int_equal(crm_rule_step(CRM_PHASE_OK, CRM_READING_BREACH, 0, -1, 0), CRM_PHASE_FIRING);
    /* hold_for was shortened while the rule was pending */
    assert_int_equal(crm_rule_step(CRM_PHASE_PENDING, CRM_READING_BREACH, 0, 0, 0), CRM_PHASE_FIRING);
}

/* Whatever the past: after a reading without a number no rule newly fires, after a clear one none fires. */
static void
test_never_fires_without_a_number(void **state)
{
    (void) state;
    for (int phase = CRM_PHASE_OK; phase <= CRM_PHASE_FIRING; phase++)
        for (int64_t held = 0; held <= 2 * HOLD; held += HOLD) {
            CrmRulePhase after = crm_rule_step((CrmRulePhase) phase, CRM_READING_NONE, held, HOLD, 0);

            assert_int_equal(after == CRM_PHASE_FIRING, phase == CRM_PHASE_FIRING);
            assert_int_equal(crm_rule_step((CrmRulePhase) phase, CRM_READING_CLEAR, held, HOLD, 0),
                             CRM_PHASE_OK);
        }
}

/* Where clear has to last: firing is held first, and the clock of the phase says when it is over. */
static void
test_clear_must_last(void **state)
{
    (void) state;
    assert_int_equal(crm_rule_step(CRM_PHASE_FIRING, CRM_READING_CLEAR, INT64_MAX, HOLD, CLEAR),
                     CRM_PHASE_HELD);
    assert_int_equal(crm_rule_step(CRM_PHASE_FIRING, CRM_READING_CLEAR, 0, HOLD, -1), CRM_PHASE_OK);
    assert_int_equal(crm_rule_step(CRM_PHASE_FIRING, CRM_READING_NONE, 0, HOLD, CLEAR), CRM_PHASE_FIRING);
    assert_int_equal(crm_rule_step(CRM_PHASE_FIRING, CRM_READING_BETWEEN, 0, HOLD, CLEAR), CRM_PHASE_FIRING);
    assert_int_equal(crm_rule_step(CRM_PHASE_HELD, CRM_READING_CLEAR, CLEAR - 1, HOLD, CLEAR),
                     CRM_PHASE_HELD);
    assert_int_equal(crm_rule_step(CRM_PHASE_HELD, CRM_READING_CLEAR, CLEAR, HOLD, CLEAR), CRM_PHASE_OK);
    /* clear_for was shortened while it was held */
    assert_int_equal(crm_rule_step(CRM_PHASE_HELD, CRM_READING_CLEAR, 0, HOLD, 0), CRM_PHASE_OK);
    for (int64_t lasted = 0; lasted <= 2 * CLEAR; lasted += CLEAR) {
        assert_int_equal(crm_rule_step(CRM_PHASE_HELD, CRM_READING_NONE, lasted, HOLD, CLEAR),
                         CRM_PHASE_HELD);
        assert_int_equal(crm_rule_step(CRM_PHASE_HELD, CRM_READING_BETWEEN, lasted, HOLD, CLEAR),
                         CRM_PHASE_FIRING);
        assert_int_equal(crm_rule_step(CRM_PHASE_HELD, CRM_READING_BREACH, lasted, HOLD, CLEAR),
                         CRM_PHASE_FIRING);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_without_hold_fires_at_once),
        cmocka_unit_test(test_never_fires_without_a_number),
        cmocka_unit_test(test_clear_must_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
