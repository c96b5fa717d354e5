/*
 * Changes to publishednodes.json as OPC Publisher's API makes them, and questions about it, by
 * method: PublishNodes, UnpublishNodes, UnpublishAllNodes, AddOrUpdateEndpoints,
 * GetConfiguredEndpoints, SetConfiguredEndpoints, GetConfiguredNodesOnEndpoint, PublishStart,
 * PublishStop, PublishBulk, PublishList, CreateOrUpdateDataSetWriterEntry, GetDataSetWriterEntry,
 * RemoveDataSetWriterEntry, AddOrUpdateNodes, AddOrUpdateNode, RemoveNodes, RemoveNode, GetNodes,
 * GetNode. Pure: the file's text and a payload in, an answer and the file's new text out.
 *
 * What a change does not touch stays as it is written: unknown members, comments, entries with
 * mistakes. An entry that a method adds is written with the names of config_table.h. Every good
 * entry is given the same Version, one more than the highest, and LastChangeDateTime.
 *
 * Methods with one parameter take it as the payload; those with more take an object with them by
 * name: {"dataSetWriterGroup": …, "dataSetWriterId": …, "opcNodes": […], "insertAfterFieldId": …}.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define CONFIG_PAGE_MAX 10000 /* nodes of one answer of GetNodes, when it is not said */

struct config_opener;

struct config_answer {
    /* OK; BAD_ARGUMENT (400), FORBIDDEN (403: not unique), NOT_FOUND (404), TOO_LARGE (413), or
     * CONFLICT: the file has mistakes that must be mended by hand first, or could not be written */
    enum status status;
    struct buffer body; /* OK: JSON, empty where a method returns nothing; else a sentence */
    struct buffer text; /* when `changed`: the file from now on */
    bool changed;
};

/* Whether one of these has that name, in any case; "_V1" or "_V2" may follow. */
bool config_edit_knows(struct slice method);

/* `payload`: JSON, or empty. `now_ms`: wall time. UNSUPPORTED for a method of another name. The
 * caller clears *out in any case. `opener`: as of document_read(). */
void config_edit(struct slice text, struct slice method, struct slice payload, uint64_t now_ms,
                 const struct config_opener *opener, struct config_answer *out);
void config_answer_clear(struct config_answer *a);
