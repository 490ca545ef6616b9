import type { FC } from 'hono/jsx'
import { type ApiDocument, type Group, groupsOf, schemaAnchor } from '../document.ts'
import { styleAddress } from '../style.ts'
import { Conventions, Problems } from './conventions.tsx'
import { Method, OperationPart } from './operation.tsx'
import { SchemaDetail } from './schema-table.tsx'

/** The whole reference as one page of HTML. */
export const referencePage = (document: ApiDocument): string => {
  const groups = groupsOf(document)
  const components = document.components?.schemas ?? {}
  const server = document.servers?.[0]?.url ?? ''
  const names = Object.keys(components).sort()
  return `<!doctype html>${(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>API reference · Tessera</title>
        <link rel="stylesheet" href={styleAddress} />
      </head>
      <body>
        <a class="skip" href="#content">
          Skip to the content
        </a>
        <Header version={document.info.version} />
        <div class="frame">
          <details class="menu">
            <summary>Contents</summary>
            <Contents groups={groups} names={names} />
          </details>
          <div class="side">
            <Contents groups={groups} names={names} />
          </div>
          <main id="content" tabindex={-1}>
            <h1>API reference</h1>
            <p class="lead">
              {document.info.description}. The same as a machine reads it: <a href="/openapi.json">openapi.json</a>{' '}
              (OpenAPI 3.1).
            </p>
            {server && (
              <p>
                Base address <code>{server}</code>
              </p>
            )}
            <Conventions server={server} />
            <Problems />
            {groups.map(({ id, title, operations }) => (
              <section aria-labelledby={id}>
                <h2 id={id}>{title}</h2>
                {operations.map(operation => (
                  <OperationPart operation={operation} server={server} components={components} />
                ))}
              </section>
            ))}
            <section aria-labelledby="schemas">
              <h2 id="schemas">Schemas</h2>
              {names.map(name => (
                <article class="schema" aria-labelledby={schemaAnchor(name)}>
                  <h3 id={schemaAnchor(name)}>
                    <a href={`#${schemaAnchor(name)}`}>{name}</a>
                  </h3>
                  <SchemaDetail name={`Fields of ${name}`} schema={components[name]} components={components} />
                </article>
              ))}
            </section>
          </main>
        </div>
      </body>
    </html>
  )}`
}

const Header: FC<{ version: string }> = ({ version }) => (
  <header>
    <div class="bar">
      <a class="wordmark" href="/docs">
        <svg class="mark" viewBox="0 0 64 64" aria-hidden="true" focusable="false">
          <path class="half-a" d="M12 6h20l-5 13 9 12-9 13 5 14H12a6 6 0 0 1-6-6V12a6 6 0 0 1 6-6z" />
          <path class="half-b" d="M37 6h15a6 6 0 0 1 6 6v40a6 6 0 0 1-6 6H37l-5-14 9-13-9-12z" />
        </svg>
        <span>Tessera</span> <span class="fine">API {version}</span>
      </a>
    </div>
  </header>
)

/** Rendered twice, for phone and desk: without script a `details` cannot be shut on one and open on the other. */
const Contents: FC<{ groups: Group[]; names: string[] }> = ({ groups, names }) => (
  <nav aria-label="Contents">
    <ul>
      <li>
        <a href="#conventions">Conventions</a>
      </li>
      <li>
        <a href="#problems">Problems</a>
      </li>
    </ul>
    {groups.map(({ id, title, operations }) => (
      <>
        <p>
          <a href={`#${id}`}>{title}</a>
        </p>
        <ul>
          {operations.map(operation => (
            <li>
              <a class="to-operation" href={`#${operation.id}`}>
                <Method method={operation.method} /> <span>{operation.path}</span>
              </a>
            </li>
          ))}
        </ul>
      </>
    ))}
    <p>
      <a href="#schemas">Schemas</a>
    </p>
    <details>
      <summary>{names.length} schemas</summary>
      <ul>
        {names.map(name => (
          <li>
            <a href={`#${schemaAnchor(name)}`}>{name}</a>
          </li>
        ))}
      </ul>
    </details>
  </nav>
)
