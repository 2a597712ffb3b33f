/** Ports whose protocol is opaque unless told otherwise: SMTP, MySQL, Galera, PostgreSQL, Redis, Elasticsearch, Memcached. */
export const defaultOpaquePorts = "25,587,3306,4444,5432,6379,9300,11211";
