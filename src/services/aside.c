#include "services/aside.h"

void services_aside(struct loop *l, size_t bytes, loop_fn *run, loop_fn *done, void *arg)
{
    if (bytes >= ASIDE_BYTES) {
        loop_work(l, run, done, arg);
        return;
    }
    run(arg);
    done(arg);
}
