import type { FC } from 'hono/jsx'
import { curlOf } from '../curl.ts'
import { type Answer, type AnySchema, nameOf, type Operation } from '../document.ts'
import { blocksOf, type Components, notesOf, type Row, typeOf } from '../schema-rows.ts'
import { FieldTable, SchemaDetail, TypeText } from './schema-table.tsx'

type Props = { operation: Operation; server: string; components: Components }

export const Method: FC<{ method: string }> = ({ method }) => (
  <span class={`method ${method}`}>{method.toUpperCase()}</span>
)

/** Everything about one operation, under an anchor made of its method and path. */
export const OperationPart: FC<Props> = ({ operation, server, components }) => {
  const { id, method, path, summary, description, scopes, parameters = [], requestBody, responses = {} } = operation
  const bodies = Object.entries(requestBody?.content ?? {})
  return (
    <section class="operation" aria-labelledby={id}>
      <h3 id={id}>
        <Method method={method} /> <a href={`#${id}`}>{path}</a>
      </h3>
      {summary && <p class="lead">{summary}</p>}
      {description && <p>{description}</p>}
      <Scopes scopes={scopes} />
      {parameters.length > 0 && (
        <>
          <h4>Parameters</h4>
          <FieldTable
            caption={`Parameters of ${method.toUpperCase()} ${path}`}
            rows={parameterRows(operation, components)}
          />
        </>
      )}
      {bodies.length > 0 && (
        <>
          <h4>
            Body{' '}
            {requestBody?.required === true ? (
              <span class="required">required</span>
            ) : (
              <span class="optional">optional</span>
            )}
          </h4>
          {bodies.map(([type, { schema }]) => (
            <Body type={type} schema={schema} components={components} />
          ))}
        </>
      )}
      <h4>Answers</h4>
      <dl class="answers">
        {Object.entries(responses)
          .filter(([status]) => status !== 'default')
          .map(([status, answer]) => (
            <AnswerPart status={status} answer={answer} components={components} />
          ))}
        {responses['default'] && (
          <>
            <dt>
              <span class="status bad">4xx 5xx</span>
            </dt>
            <dd>
              A <a href="#problems">problem</a>
            </dd>
          </>
        )}
      </dl>
      <h4>Example</h4>
      <pre>
        <code>{curlOf(operation, server, components)}</code>
      </pre>
    </section>
  )
}

const Scopes: FC<{ scopes: string[] }> = ({ scopes }) => (
  <p class="scopes">
    {scopes.length === 0 ? (
      'No access token needed'
    ) : (
      <>
        {scopes.length > 1 ? 'Any one of the scopes' : 'Scope'}
        {scopes.map(scope => (
          <>
            {' '}
            <code class="scope">{scope}</code>
          </>
        ))}
      </>
    )}
  </p>
)

const parameterRows = ({ parameters = [] }: Operation, components: Components): Row[] =>
  parameters.map(({ name, in: place, required = false, description, schema }) => {
    const notes = notesOf(schema, components)
    const told = description === undefined || notes.some(({ text }) => text === description)
    return {
      parent: '',
      name,
      required,
      type: [`${place} · `, ...typeOf(schema)],
      notes: told ? notes : [{ text: description }, ...notes],
    }
  })

/** A body that is a component shows that component's fields here: what to send is not worth a jump. */
const Body: FC<{ type: string; schema: AnySchema | undefined; components: Components }> = ({
  type,
  schema,
  components,
}) => {
  const reference = typeof schema === 'object' ? schema.$ref : undefined
  const name = reference === undefined ? undefined : nameOf(reference)
  const shown = name === undefined ? schema : components[name]
  return (
    <>
      <p class="media">
        <code>{type}</code> · <TypeText type={typeOf(schema)} />
        {type === 'application/x-ndjson' && ', one a line'}
      </p>
      {blocksOf(shown, components).map(({ when, rows }) => (
        <FieldTable
          caption={when === undefined ? `Fields of ${name ?? 'the body'}` : `Where ${when}`}
          rows={rows}
          seen={when !== undefined}
        />
      ))}
    </>
  )
}

const AnswerPart: FC<{ status: string; answer: Answer; components: Components }> = ({ status, answer, components }) => (
  <>
    <dt>
      <span class={/^[45]/.test(status) ? 'status bad' : 'status good'}>{status}</span>
    </dt>
    <dd>
      {answer.description}
      {Object.entries(answer.content ?? {}).map(([type, { schema }]) => (
        <AnswerContent type={type} schema={schema} components={components} />
      ))}
    </dd>
  </>
)

const AnswerContent: FC<{ type: string; schema: AnySchema | undefined; components: Components }> = ({
  type,
  schema,
  components,
}) => {
  const isInline = blocksOf(schema, components).length > 0
  return isInline ? (
    <>
      <p class="media">
        <code>{type}</code>
      </p>
      <SchemaDetail name="Fields of the answer" schema={schema} components={components} />
    </>
  ) : (
    <p class="media">
      <code>{type}</code> · <TypeText type={typeOf(schema)} />
    </p>
  )
}
