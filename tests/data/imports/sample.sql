-- \i no1.sql
\i a.sql
\ir 'b c.sql'
\include d.sql
@e.sql
@@f.sql
.read g.sql
SELECT '\i no2.sql', $$ \i no3.sql $$; /* \i no4.sql */
