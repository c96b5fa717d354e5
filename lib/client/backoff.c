#include "client/backoff.h"

uint64_t backoff_next_ms(struct backoff *b, struct loop *loop)
{
    uint64_t most = b->attempts < 7 ? (uint64_t)BACKOFF_MS_MIN << b->attempts : BACKOFF_MS_MAX;
    most = most < BACKOFF_MS_MAX ? most : BACKOFF_MS_MAX;
    b->attempts++;
    return most / 2 + loop_random_u64(loop) % (most / 2 + 1);
}

void backoff_up(struct backoff *b, struct loop *loop)
{
    b->up_since_ms = loop_now_ms(loop) + 1; /* a simulated loop begins at 0 */
}

bool backoff_down(struct backoff *b, struct loop *loop)
{
    bool was_up = b->up_since_ms != 0;
    if (was_up && loop_now_ms(loop) + 1 - b->up_since_ms >= BACKOFF_LASTED_MS)
        b->attempts = 0;
    b->up_since_ms = 0;
    return was_up;
}
