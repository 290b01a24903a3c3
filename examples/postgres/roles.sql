-- Roles of the catalog on PostgreSQL, each with what its work needs and no more. docs/security.md says who gets which.
--
-- 1. As a superuser, once: make the roles and a database that the owner owns, and give each person and service a login
--    that is a member of one of them.
--      CREATE ROLE stemma_owner NOLOGIN; CREATE ROLE stemma_ingest NOLOGIN;
--      CREATE ROLE stemma_reader NOLOGIN; CREATE ROLE stemma_auditor NOLOGIN;
--      CREATE DATABASE stemma OWNER stemma_owner;
-- 2. As the owner: `stemma init` makes the schema, and upgrades it later.
-- 3. As the owner, after the first `stemma init` and after each upgrade: this file. It may be run again at any time.

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO stemma_ingest, stemma_reader, stemma_auditor;

-- Runs stages, triage, imports, releases: reads and changes rows, and no table.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO stemma_ingest;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO stemma_ingest;
-- The audit log grows and never changes. An erasure takes words out of it and is run by the owner, who also alone may
-- write tables anew (VACUUM FULL).
REVOKE UPDATE, DELETE ON audit_log, alembic_version FROM stemma_ingest;
REVOKE INSERT ON alembic_version FROM stemma_ingest;

-- Looks at everything and changes nothing. An application that searches needs no role: an index is read without a database.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO stemma_reader;

-- Looks at what was decided, by whom and when; not at the answers that were served, which hold what people asked.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO stemma_auditor;
REVOKE SELECT ON answers, answer_grams, answer_postings FROM stemma_auditor;

-- Tables that a later upgrade makes.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO stemma_ingest;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO stemma_ingest;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO stemma_reader;
