/*
 * normal_nickname.c: names that go for each other.
 *
 * Written from general knowledge: each line is one group, a name with its short and pet forms and its usual spellings, in
 * one language or in neighbouring ones that share it. A form of several names (bert, sam, alex) stands in several groups.
 */
#include "customer/normal_words.h"

#include <pthread.h>

/* clang-format off */
static const NormalEntry entries[] = {
    {"robert bob bobby rob robby robbie bert roberto rupert", NULL, 0},
    {"william will bill billy willie willy liam wm wilhelm willem wim guillermo", NULL, 0},
    {"richard dick rick ricky rich richie ricardo", NULL, 0},
    {"john jack johnny jon jonny johnnie johann johannes", NULL, 0},
    {"james jim jimmy jimmie jamie jem", NULL, 0},
    {"charles charlie charley chuck chas carl karl carlos", NULL, 0},
    {"elizabeth elisabeth liz lizzie beth betty betsy eliza lisa libby bess bessie elsie", NULL, 0},
    {"margaret maggie meg peggy marge margie greta daisy madge margareta margarethe", NULL, 0},
    {"catherine katherine kathryn kate katie kathy cathy kat kitty cath kath", NULL, 0},
    {"mary molly polly may mamie maria marie", NULL, 0},
    {"thomas tom tommy tomas", NULL, 0},
    {"michael mike mick mickey micky mikey michel miguel", NULL, 0},
    {"edward ed eddie eddy ted teddy ned eduardo", NULL, 0},
    {"george georgie jorge georg", NULL, 0},
    {"henry harry hank hal heinrich hendrik henri enrique", NULL, 0},
    {"joseph joe joey jo josef jose giuseppe", NULL, 0},
    {"frederick fred freddie freddy frederic friedrich", NULL, 0},
    {"alexander alex alec sandy sasha xander alexandre alejandro", NULL, 0},
    {"anthony tony anton antonio antoine", NULL, 0},
    {"francis frank frankie fran francois francesco francisco", NULL, 0},
};
/* clang-format on */

static NormalSlot slots[16384];
static const NormalTable table = {entries, sizeof entries / sizeof entries[0], slots, 16384};
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void
fill_table(void)
{
    (void) normal_table_fill(&table);
}

int
normal_nicknames(const char *word, size_t length, uint16_t *groups, int room)
{
    const NormalEntry *entry;
    unsigned place = 0;
    int count = 0;

    if (length > 64)
        return 0;
    pthread_once(&table_once, fill_table);
    while (count < room && (entry = normal_table_find(&table, word, (int) length, &place)) != NULL)
        groups[count++] = (uint16_t) (entry - entries);
    return count;
}
