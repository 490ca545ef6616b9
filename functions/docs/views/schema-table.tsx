import type { FC } from 'hono/jsx'
import { type AnySchema, schemaAnchor } from '../document.ts'
import {
  type Block,
  blocksOf,
  type Components,
  type Note,
  notesOf,
  type Row,
  type TypePart,
  typeOf,
} from '../schema-rows.ts'

export const TypeText: FC<{ type: TypePart[] }> = ({ type }) => (
  <span class="type">
    {type.map(part =>
      typeof part === 'string' ? part : <a href={`#${schemaAnchor(part.component)}`}>{part.component}</a>,
    )}
  </span>
)

export const Notes: FC<{ notes: Note[] }> = ({ notes }) => (
  <>
    {notes.map(({ text, values }) => (
      <p class="note">
        {text}
        {values?.map(value => (
          <>
            {' '}
            <code>{value}</code>
          </>
        ))}
      </p>
    ))}
  </>
)

/**
 * Two columns, so that it needs no sideways scrolling on a phone.
 * @param seen whether the caption says more than the heading above
 */
export const FieldTable: FC<{ caption: string; rows: Row[]; seen?: boolean }> = ({ caption, rows, seen = false }) => (
  <table>
    <caption>{seen ? caption : <span class="unseen">{caption}</span>}</caption>
    <thead>
      <tr>
        <th scope="col">Field</th>
        <th scope="col">Rules</th>
      </tr>
    </thead>
    <tbody>
      {rows.map(({ parent, name, required, type, notes }) => (
        <tr>
          <th scope="row">
            <code>
              {parent && (
                <>
                  <span class="parent">{parent}</span>
                  <wbr />
                </>
              )}
              {name}
            </code>
            {required && <span class="required">required</span>}
          </th>
          <td>
            <TypeText type={type} />
            <Notes notes={notes} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)

const captionOf = (name: string, { when }: Block): string => (when === undefined ? name : `${name}, where ${when}`)

/** A schema with its fields; a plain value has its type and rules only. */
export const SchemaDetail: FC<{ name: string; schema: AnySchema | undefined; components: Components }> = ({
  name,
  schema,
  components,
}) => {
  const blocks = blocksOf(schema, components)
  return (
    <>
      <div class="summary">
        <TypeText
          type={blocks.some(({ when }) => when !== undefined) ? ['one of the variants below'] : typeOf(schema)}
        />
        <Notes
          notes={blocks.length > 0 ? notesOf(schema, components).filter(isOfTheWhole) : notesOf(schema, components)}
        />
      </div>
      {blocks.map(block => (
        <FieldTable caption={captionOf(name, block)} rows={block.rows} seen={block.when !== undefined} />
      ))}
    </>
  )
}

const isOfTheWhole = ({ text }: Note): boolean => !text.startsWith('As ')
