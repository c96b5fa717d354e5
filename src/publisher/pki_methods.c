#include "publisher/pki_methods.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "publisher/pki_operations.h"

struct pki_methods {
    struct opcua_pki *pki;
    struct loop *loop;
};

/* One call: read on the loop, done on a helper thread, answered on the loop. */
struct job {
    struct module_call *call; /* NULL: its caller has given up */
    struct opcua_pki *pki;
    const struct pki_operation *operation;
    struct json_doc *doc; /* what `ask` borrows from */
    struct buffer bytes, password, json;
    struct pki_ask ask;
    enum status status;
    const char *detail;
};

static void job_free(void *arg)
{
    struct job *j = arg;
    buffer_wipe(&j->password);
    buffer_wipe(&j->bytes); /* may have a key in it */
    buffer_clear(&j->json);
    json_free(&j->doc);
    free(j);
}

static void on_ended(void *arg)
{
    ((struct job *)arg)->call = NULL;
}

static void run(void *arg)
{
    struct job *j = arg;
    j->status = j->operation->run(j->pki, &j->ask, &j->json, &j->detail);
}

static void done(void *arg)
{
    struct job *j = arg;
    log_info("pki %s status=%s", j->operation->name, status_name(j->status));
    if (j->call && j->status == OK)
        module_reply(j->call, 200, j->json.len ? buffer_slice(&j->json) : SLICE("{}"));
    else if (j->call)
        module_reply_error(j->call, j->status, j->detail);
    job_free(j);
}

static void begin(struct module_call *c, size_t operation)
{
    struct pki_methods *p = module_call_app(c);
    struct job *j = MEMORY_NEW(struct job);
    j->call = c;
    j->pki = p->pki;
    j->operation = &pki_operations[operation];
    j->doc = module_call_take(c);
    if (pki_ask_read(j->operation, j->doc ? json_root(j->doc) : NULL, &j->bytes, &j->password,
                     &j->ask) != OK) {
        module_reply_error(c, BAD_FORMAT, "the bytes are not base64");
        job_free(j);
        return;
    }
    module_call_wait(c, on_ended, j);
    loop_work_or_drop(p->loop, run, done, job_free, j);
}

/* A method's function knows its operation by nothing else. */
#define BEGIN(n)                                                                                   \
    static void begin_##n(struct module_call *c)                                                   \
    {                                                                                              \
        begin(c, n);                                                                               \
    }

BEGIN(0)
BEGIN(1) BEGIN(2) BEGIN(3) BEGIN(4) BEGIN(5) BEGIN(6) BEGIN(7) BEGIN(8) BEGIN(9)

#define ANY (MODULE_V1 | MODULE_V2 | MODULE_PLAIN)

    /* In the order of pki_operations. */
    static const struct module_method methods[] = {
        {"ListCertificates", ANY, begin_0},
        {"ListCertificateRevocationLists", ANY, begin_1},
        {"AddCertificate", ANY, begin_2},
        {"AddCertificateRevocationList", ANY, begin_3},
        {"AddCertificateChain", ANY, begin_4},
        {"AddTrustedHttpsCertificate", ANY, begin_5},
        {"ApproveRejectedCertificate", ANY, begin_6},
        {"RemoveCertificate", ANY, begin_7},
        {"RemoveCertificateRevocationList", ANY, begin_8},
        {"RemoveAll", ANY, begin_9},
};

static const struct module_role_ops role = {
    .methods = methods,
    .method_count = sizeof methods / sizeof methods[0],
};

struct pki_methods *pki_methods_start(struct module *m, struct opcua_pki *pki)
{
    struct pki_methods *p = MEMORY_NEW(struct pki_methods);
    p->pki = pki;
    p->loop = module_loop(m);
    for (size_t i = 0; i < role.method_count; i++)
        if (strcmp(methods[i].name, pki_operations[i].name) != 0)
            abort(); /* the tables are not in the same order */
    module_add(m, &role, p);
    return p;
}

void pki_methods_free(struct pki_methods **p)
{
    free(*p);
    *p = NULL;
}
