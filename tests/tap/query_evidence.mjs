// In a project of Evidence's whose sources were read: runs the SQL of standard input as a page would, by Evidence's own engine.
import { readFileSync } from 'fs';
import { initDB, query, setParquetURLs, updateSearchPath } from '@evidence-dev/universal-sql/client-duckdb';

const { renderedFiles } = JSON.parse(readFileSync('.evidence/template/static/data/manifest.json'));
const sql = readFileSync(0, 'utf8');
process.chdir('.evidence/template');
await initDB();
await setParquetURLs(renderedFiles);
await updateSearchPath(Object.keys(renderedFiles));
for (const row of query(sql)) {
    console.log(Object.values(row).map((value) => value instanceof Date ? value.toISOString().slice(0, 10)
        : typeof value === 'number' ? value.toFixed(4) : value).join('|'));
}
