package status

import (
	"encoding/json/jsontext"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// WriteJSON writes v as one JSON value and a line's end, on one line, or with an
// indentation on several. It knows structs by their json tags, embedded ones and
// omitempty included, and lists, pointers, text, whole numbers and booleans, and does
// with them what encoding/json does, but for text that is not printable (quoted). That
// package would make the program a twelfth larger.
func WriteJSON(w io.Writer, v any, indent string) error {
	options := []jsontext.Options{jsontext.PreserveRawStrings(true)}
	if indent != "" {
		options = append(options, jsontext.WithIndent(indent))
	}
	return writeValue(jsontext.NewEncoder(w, options...), reflect.ValueOf(v))
}

func writeValue(out *jsontext.Encoder, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		return out.WriteValue(quoted(v.String()))
	case reflect.Int:
		return out.WriteToken(jsontext.Int(v.Int()))
	case reflect.Bool:
		return out.WriteToken(jsontext.Bool(v.Bool()))
	case reflect.Pointer:
		if v.IsNil() {
			return out.WriteToken(jsontext.Null)
		}
		return writeValue(out, v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return out.WriteToken(jsontext.Null)
		}
		err := out.WriteToken(jsontext.BeginArray)
		for i := 0; i < v.Len() && err == nil; i++ {
			err = writeValue(out, v.Index(i))
		}
		if err != nil {
			return err
		}
		return out.WriteToken(jsontext.EndArray)
	case reflect.Struct:
		err := out.WriteToken(jsontext.BeginObject)
		if err == nil {
			err = writeFields(out, v)
		}
		if err != nil {
			return err
		}
		return out.WriteToken(jsontext.EndObject)
	}
	return fmt.Errorf("there is no JSON for a %v", v.Type())
}

// quoted is text as JSON has it, with U+FFFD for what is not UTF-8. All that is not
// printable is escaped: people look at JSON at terminals, and much of it is what a
// peer says.
func quoted(s string) jsontext.Value {
	plain, _ := jsontext.AppendQuote(nil, s) // the error is that there is such
	var value jsontext.Value
	for _, r := range string(plain) {
		if unicode.IsPrint(r) {
			value = utf8.AppendRune(value, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			value = fmt.Appendf(value, "\\u%04x", unit)
		}
	}
	return value
}

// writeFields writes the exported fields of a struct.
func writeFields(out *jsontext.Encoder, v reflect.Value) error {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		var err error
		switch {
		case field.Anonymous:
			err = writeFields(out, value)
		case !field.IsExported(), option == "omitempty" && value.Kind() != reflect.Struct && (value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0):
		default:
			if err = out.WriteToken(jsontext.String(name)); err == nil {
				err = writeValue(out, value)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
