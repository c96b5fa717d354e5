/* `millrace audit FOLDER …`: whether the chains of audit logs hold. */
#pragma once

int audit_main(int argc, char **argv);
